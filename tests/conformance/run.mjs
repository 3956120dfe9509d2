// Drives the suite through a cache and prints one line a test: its suite, its kind, its id, and what came of it.
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [suite, base, only] = process.argv.slice(2)
const load = file => import(pathToFileURL(path.join(suite, file)))
const fetch = createRequire(path.join(suite, 'cli.mjs'))('node-fetch')
const { runTests, getResults } = await load('client/runner.mjs')
const suites = (await load('tests/index.mjs')).default
suites.push((await load('tests/surrogate-control.mjs')).default)

const chosen = suites.map(one => ({ ...one, tests: one.tests.filter(test => !only || test.id === only) }))
if (only) chosen.forEach(one => one.tests.forEach(test => { test.dump = true }))
await runTests(chosen, fetch, false, base)
const results = getResults()
// What a test builds on has to hold as well: without it, it says nothing.
const passed = id => results[id] === true
for (const one of chosen) {
  for (const test of one.tests.filter(test => test.id in results)) {
    const result = results[test.id]
    const outcome = result === true
      ? ((test.depends_on || []).every(passed) ? 'pass' : 'untested')
      : (result[0] === 'Setup' ? 'untested' : 'fail')
    const reason = result === true ? '' : result[1].replace(/\s+/g, ' ')
    console.log([one.id, test.kind || 'required', test.id, outcome, reason].join('\t'))
  }
}
