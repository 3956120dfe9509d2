// Holds the results of both runs against `not-passed.tsv`, which names every test that does not pass, and why. With
// `--bless` it writes `results.md` where all is well. It ends with 1 where a test passes no longer that did, or a reason
// is missing.
import fs from 'node:fs'
import path from 'node:path'

const here = import.meta.dirname
const [directory, options, bless] = process.argv.slice(2)
const rows = text => text.split('\n').filter(line => line && !line.startsWith('#')).map(line => line.split('\t'))
const runs = ['plain', 'allowing']
const results = Object.fromEntries(runs.map(run => [run, rows(fs.readFileSync(path.join(directory, `${run}.tsv`), 'utf8'))]))
const reasons = rows(fs.readFileSync(path.join(here, 'not-passed.tsv'), 'utf8'))
const reasonOf = (id, run) => reasons.find(([name, , only]) => name === id && (!run || !only || only === run))?.[1]
const outcomeOf = (id, run) => results[run].find(([, , name]) => name === id)?.[3]

let unexpected = 0
for (const run of runs) {
  for (const [suite, kind, id, outcome, reason] of results[run]) {
    if (outcome === 'pass' || reasonOf(id, run)) continue
    console.error(`${run}: ${outcome}: ${kind} ${suite}/${id}: ${reason}`)
    unexpected++
  }
  for (const [name, , only] of reasons.filter(([, , only]) => !only || only === run)) {
    const outcome = outcomeOf(name, run)
    if (outcome === undefined) console.error(`not-passed.tsv names ${name}, which is no test`)
    if (outcome === 'pass') console.error(`${name} passes now in the run ${run}; say so in not-passed.tsv`)
  }
}

const kinds = ['required', 'optimal', 'check', 'superseded']
const outcomes = ['pass', 'fail', 'untested']
const count = (run, suite, kind, outcome) =>
  results[run].filter(row => (!suite || row[0] === suite) && row[1] === kind && row[3] === outcome).length
const line = cells => `| ${cells.join(' | ')} |`
const table = run => {
  const cells = suite => kinds.flatMap(kind => outcomes.map(outcome => count(run, suite, kind, outcome) || ''))
  const suites = [...new Set(results[run].map(([suite]) => suite))]
  return [
    line(['', ...kinds.flatMap(kind => [kind, 'failed', 'untested'])]), line(Array(1 + 3 * kinds.length).fill('---')),
    ...suites.map(suite => line([suite, ...cells(suite)])), line(['**all**', ...cells()]), ''
  ]
}
const published = outcome => {
  const twins = results.plain.filter(row => row[1] === 'required' && row[2].endsWith('-rfc9111') && row[3] === outcome).length
  return count('plain', '', 'required', outcome) - twins + count('plain', '', 'superseded', outcome)
}
if (bless === '--bless' && unexpected === 0) {
  const failing = results.plain.filter(([, , id]) => runs.some(run => outcomeOf(id, run) !== 'pass'))
  fs.writeFileSync(path.join(here, 'results.md'), [
    '# cache_proxy under http-cache-tests 0.4.5', '',
    'Written by `scripts/cache-tests --bless`; `scripts/test` fails when a test passes no longer. *Required* tests are those of',
    'the standards, *optimal* ones tell how good a cache is, a *check* only tells how it behaves. *Superseded* ones ask for what',
    'RFC 9111 took back and the suite of today no longer asks; a twin of each, `…-rfc9111`, asks what both ask now',
    '(`superseded.mjs`). *Untested* is a test whose set-up, or a test that it builds on, does not pass.', '',
    '## As it comes', '', ...table('plain'),
    `With the published tests in the place of their twins: required ${outcomes.map(outcome => `${published(outcome)} ${outcome}`).join(', ')}.`, '',
    `## With \`${options}\``, '', 'What a deployment has to decide on, so that the tests that build on it can be run.', '',
    ...table('allowing'),
    '## What does not pass, and why', '',
    line(['test', 'kind', 'as it comes', 'with the flags', 'why']), line(Array(5).fill('---')),
    ...failing.map(([, kind, id]) => line([`\`${id}\``, kind, ...runs.map(run => outcomeOf(id, run)), reasonOf(id) || '?'])), ''
  ].join('\n'))
}
for (const run of runs) {
  const counts = kinds.map(kind => `${kind}: ${outcomes.map(outcome => `${count(run, '', kind, outcome)} ${outcome}`).join(', ')}`)
  console.log(`${run}: ${counts.join('; ')}`)
}
process.exit(unexpected ? 1 : 0)
