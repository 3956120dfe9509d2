// Holds a run's results against `not-passed.tsv`, which names every test that does not pass, and why. With `--bless` it
// writes `results.md` where all is well. It ends with 1 where a test passes no longer that did, or a reason is missing.
import fs from 'node:fs'
import path from 'node:path'

const here = import.meta.dirname
const [file, bless] = process.argv.slice(2)
const rows = text => text.split('\n').filter(line => line && !line.startsWith('#')).map(line => line.split('\t'))
const results = rows(fs.readFileSync(file, 'utf8'))
const reasons = rows(fs.readFileSync(path.join(here, 'not-passed.tsv'), 'utf8'))
const reasonOf = id => reasons.find(([name]) => name === id)?.[1]

const unexpected = results.filter(([, , id, outcome]) => outcome !== 'pass' && !reasonOf(id))
for (const [suite, kind, id, outcome, reason] of unexpected) console.error(`${outcome}: ${kind} ${suite}/${id}: ${reason}`)
for (const [name] of reasons) {
  const outcome = results.find(([, , id]) => id === name)?.[3]
  if (outcome === undefined) console.error(`not-passed.tsv names ${name}, which is no test`)
  if (outcome === 'pass') console.error(`${name} passes now; take it out of not-passed.tsv`)
}

const kinds = ['required', 'optimal', 'check']
const count = (suite, kind, outcome) => results.filter(row => (!suite || row[0] === suite) && row[1] === kind && row[3] === outcome).length
const cells = suite => kinds.flatMap(kind => ['pass', 'fail', 'untested'].map(outcome => count(suite, kind, outcome) || ''))
const line = cells => `| ${cells.join(' | ')} |`
if (bless === '--bless' && unexpected.length === 0) {
  const failing = results.filter(row => row[3] !== 'pass')
  fs.writeFileSync(path.join(here, 'results.md'), [
    '# cache_proxy under http-cache-tests 0.4.5', '',
    'Written by `scripts/cache-tests --bless`; `scripts/test` fails when a test passes no longer. *Required* tests are those of',
    'the standards, *optimal* ones tell how good a cache is, a *check* only tells how it behaves. *Untested* is a test whose',
    'set-up, or a test that it builds on, does not pass.', '',
    line(['', ...kinds.flatMap(kind => [kind, 'failed', 'untested'])]), line(Array(10).fill('---')),
    ...[...new Set(results.map(([suite]) => suite))].map(suite => line([suite, ...cells(suite)])),
    line(['**all**', ...cells()]), '',
    '## What does not pass, and why', '',
    line(['test', 'kind', 'outcome', 'why']), line(Array(4).fill('---')),
    ...failing.map(([, kind, id, outcome]) => line([`\`${id}\``, kind, outcome, reasonOf(id) || '?'])), ''
  ].join('\n'))
}
console.log(kinds.map(kind => `${kind}: ${count('', kind, 'pass')} pass, ${count('', kind, 'fail')} fail, ${count('', kind, 'untested')} untested`).join('; '))
process.exit(unexpected.length ? 1 : 0)
