// What `compare.mjs` lets pass, with results that are made up.
import assert from 'node:assert'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'node:test'

const most = 342
const row = (id, outcome = 'pass') => ['suite', 'required', id, outcome, outcome === 'pass' ? '' : 'why'].join('\t')
const rows = (count, failing = []) =>
  Array.from({ length: count }, (_, number) => row(`test-${number}`, failing.includes(number) ? 'fail' : 'pass')).join('\n') + '\n'

// A directory with a copy of the program, which reads what lies beside it.
function directory (t) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'compare-'))
  t.after(() => fs.rmSync(made, { recursive: true }))
  fs.copyFileSync(path.join(import.meta.dirname, 'compare.mjs'), path.join(made, 'compare.mjs'))
  const write = (name, text) => fs.writeFileSync(path.join(made, name), text)
  write('not-passed.tsv', '')
  for (const run of ['plain', 'allowing']) write(`${run}.tsv`, rows(most))
  const compare = (...bless) => spawnSync(process.execPath, [path.join(made, 'compare.mjs'), made, '--flag', ...bless], { encoding: 'utf8' })
  assert.strictEqual(compare('--bless').status, 0)
  return { write, compare, read: name => fs.readFileSync(path.join(made, name), 'utf8') }
}

function refuses ({ compare, read }, complaint) {
  const before = read('results.md')
  for (const bless of [[], ['--bless']]) {
    const { status, stderr } = compare(...bless)
    assert.strictEqual(status, 1, stderr)
    assert.match(stderr, complaint)
  }
  assert.strictEqual(read('results.md'), before, 'nothing is written that is refused')
}

test('results like those that are written down pass', t => {
  const { status, stderr } = directory(t).compare()
  assert.strictEqual(status, 0, stderr)
})

for (const run of ['plain', 'allowing']) {
  test(`no results and too few in the run ${run} are refused`, t => {
    const made = directory(t)
    for (const results of ['', rows(most - 1), rows(most - 1) + row('test-0') + '\n']) {
      made.write(`${run}.tsv`, results)
      refuses(made, new RegExp(`${run}: \\d+ tests have a result, of ${most}`))
    }
  })
}

test('a test that does not pass needs a reason, and has it in the run that the reason names', t => {
  const made = directory(t)
  for (const run of ['plain', 'allowing']) made.write(`${run}.tsv`, rows(most, [7]))
  refuses(made, /plain: fail: required suite\/test-7: why/)
  made.write('not-passed.tsv', 'test-7\ta reason\tplain\n')
  refuses(made, /allowing: fail: required suite\/test-7: why/)
  made.write('not-passed.tsv', 'test-7\ta reason\n')
  assert.strictEqual(made.compare('--bless').status, 0)
  assert.strictEqual(made.compare().status, 0)
})

test('a reason for no test, or in no run, is refused', t => {
  const made = directory(t)
  made.write('not-passed.tsv', 'test-0000\ta reason\n')
  refuses(made, /not-passed.tsv names test-0000, which is no test/)
  made.write('not-passed.tsv', 'test-0\ta reason\tplian\n')
  refuses(made, /not-passed.tsv names the run plian for test-0, which is none/)
})

test('a report of something else is refused until it is written anew', t => {
  const made = directory(t)
  made.write('results.md', made.read('results.md').replace('342', '341'))
  const { status, stderr } = made.compare()
  assert.strictEqual(status, 1)
  assert.match(stderr, /results.md says something else/)
  assert.strictEqual(made.compare('--bless').status, 0)
  assert.strictEqual(made.compare().status, 0)
})
