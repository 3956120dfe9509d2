// Tests that ask for what the standard no longer says. The suite turned each of them around after this release, when RFC
// 9111 replaced RFC 7234, and npm has no later one. Here each gets a twin, `…-rfc9111`, that asks what RFC 9111 and the
// suite of today ask. The twin counts; what was published runs as well, and is of the kind `superseded`.
//
// | tests | published | today |
// |---|---|---|
// | an `Age` that is no number | the answer is stale | the field is ignored (RFC 9111 §5.1) |
// | several values of `Age` | the answer is stale | the first one counts (RFC 9111 §5.1) |
// | a parameter of `Age` | the answer is stale | the same, and no longer required |
// | a 304 with another `ETag` than the stored one | the stored one is fresh again | it updates nothing (RFC 9111 §4.3.4) |
// | nothing stale where that is forbidden | the origin's own answer, though the origin gave none | any answer that is not the stored one |
const ignored = { last: { expected_type: 'cached' } }
const tolerated = { kind: 'check' }
const notFreshened = { last: { expected_type: undefined } }
const refused = {
  last: {
    expected_type: undefined,
    expected_status: 502,
    check_body: false,
    expected_response_headers_missing: ['server-request-count']
  }
}

const changes = {
  'age-parse-nonnumeric': ignored,
  'age-parse-negative': ignored,
  'age-parse-float': ignored,
  'age-parse-prefix-twoline': ignored,
  'age-parse-dup-0': ignored,
  'age-parse-dup-0-twoline': ignored,
  'age-parse-dup-old': ignored,
  'age-parse-parameter': tolerated,
  'age-parse-numeric-parameter': tolerated,
  '304-etag-update-response-ETag': notFreshened,
  'stale-close-must-revalidate': refused,
  'stale-close-proxy-revalidate': refused,
  'stale-close-no-cache': refused,
  'stale-close-s-maxage=2': refused
}

// Puts the twins beside the tests.
export function supersede (suites) {
  for (const suite of suites) {
    suite.tests = suite.tests.flatMap(test => {
      const change = changes[test.id]
      return change ? [twin(test, change), { ...test, kind: 'superseded' }] : [test]
    })
  }
}

function twin (test, { kind, last }) {
  const requests = structuredClone(test.requests)
  const changed = Object.assign(requests.at(-1), last)
  for (const name of Object.keys(changed)) if (changed[name] === undefined) delete changed[name]
  return { ...test, id: `${test.id}-rfc9111`, kind: kind || test.kind, requests }
}
