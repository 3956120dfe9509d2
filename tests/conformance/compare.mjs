// Holds the results of both runs against `not-passed.tsv`, which names every test that does not pass, and why, and against
// `results.md`, which `--bless` writes where all else is well. It ends with 1 where a test passes no longer that did, a
// reason is missing or is one of no test, a run has fewer results than the suite has tests, or `results.md` says something
// else than what was measured.
import fs from 'node:fs'
import path from 'node:path'

const here = import.meta.dirname
const [directory, options, bless] = process.argv.slice(2)
const rows = text => text.split('\n').filter(line => line && !line.startsWith('#')).map(line => line.split('\t'))
const runs = ['plain', 'allowing']
// The suite's 329 and the 13 twins: a run that ended early has nothing to say.
const fewest = 342
const results = Object.fromEntries(runs.map(run => [run, rows(fs.readFileSync(path.join(directory, `${run}.tsv`), 'utf8'))]))
const reasons = rows(fs.readFileSync(path.join(here, 'not-passed.tsv'), 'utf8'))
const reasonOf = (id, run) => reasons.find(([name, , only]) => name === id && (!run || !only || only === run))?.[1]
const outcomeOf = (id, run) => results[run].find(([, , name]) => name === id)?.[3]

let unexpected = 0
const complain = text => {
  console.error(text)
  unexpected++
}
for (const [name, , only] of reasons) {
  if (only && !runs.includes(only)) complain(`not-passed.tsv names the run ${only} for ${name}, which is none`)
}
for (const run of runs) {
  const known = new Set(results[run].map(([, , id]) => id)).size
  if (known < fewest) complain(`${run}: ${known} tests have a result, of ${fewest}`)
  for (const [suite, kind, id, outcome, reason] of results[run]) {
    if (outcome === 'pass' || reasonOf(id, run)) continue
    complain(`${run}: ${outcome}: ${kind} ${suite}/${id}: ${reason}`)
  }
  for (const [name, , only] of reasons.filter(([, , only]) => !only || only === run)) {
    const outcome = outcomeOf(name, run)
    if (outcome === undefined) complain(`not-passed.tsv names ${name}, which is no test`)
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
const report = () => {
  const failing = results.plain.filter(([, , id]) => runs.some(run => outcomeOf(id, run) !== 'pass'))
  return [
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
  ].join('\n')
}
const reported = path.join(here, 'results.md')
if (bless === '--bless') {
  if (unexpected === 0) fs.writeFileSync(reported, report())
} else if (!fs.existsSync(reported) || fs.readFileSync(reported, 'utf8') !== report()) {
  complain('results.md says something else than what was measured; `scripts/cache-tests --bless` writes it anew')
}
for (const run of runs) {
  const counts = kinds.map(kind => `${kind}: ${outcomes.map(outcome => `${count(run, '', kind, outcome)} ${outcome}`).join(', ')}`)
  console.log(`${run}: ${counts.join('; ')}`)
}
process.exit(unexpected ? 1 : 0)
