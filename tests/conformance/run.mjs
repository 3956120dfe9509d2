// Drives the suite through a cache and prints one line a test: its suite, its kind, its id, what came of it, and why.
//
// A test that builds on one that does not pass says nothing, and neither does one whose set-up the cache does not take
// part in: both are `untested`, as on the suite's own pages.
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import fetch from 'node-fetch'
import { supersede } from './superseded.mjs'

const [suite, base] = process.argv.slice(2)
const load = file => import(pathToFileURL(path.join(suite, file)))
const { runTests, getResults } = await load('client/runner.mjs')
const suites = (await load('tests/index.mjs')).default
supersede(suites)

await runTests(suites, fetch, false, base)
const results = getResults()
const tests = new Map(suites.flatMap(one => one.tests).map(test => [test.id, test]))
const passes = id => results[id] === true && (tests.get(id)?.depends_on || []).every(passes)
for (const one of suites) {
  for (const test of one.tests.filter(test => test.id in results)) {
    const result = results[test.id]
    const outcome = !(test.depends_on || []).every(passes) ? 'untested'
      : result === true ? 'pass' : result[0] === 'Setup' ? 'untested' : 'fail'
    const reason = result === true ? '' : result[1].replace(/\s+/g, ' ')
    console.log([one.id, test.kind || 'required', test.id, outcome, reason].join('\t'))
  }
}
