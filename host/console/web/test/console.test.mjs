// What a person does in the console, in Debian's Chromium, against the host at HOST with
// an admin token TOKEN. The service main/shop takes what is posted to SERVICE; the message
// DEAD is a dead letter of its node checkout/ship. cmd/grow/app/console_test.go starts it.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, afterEach, before, test } from 'node:test'
import { chromium } from 'playwright-core'

const { HOST, TOKEN, SERVICE, DEAD, CHROMIUM } = process.env
let browser, page, token, tokenID
const seen = [] // what went wrong in the page
const elsewhere = [] // what was asked of others than the host

async function admin(method, path, body) {
  const answer = await fetch(HOST + '/v1' + path, { method, headers: { Authorization: 'Bearer ' + TOKEN, 'Content-Type': 'application/json' }, body: body && JSON.stringify(body) })
  const text = await answer.text()
  assert.ok(answer.ok, text)
  return text && JSON.parse(text)
}

async function newPage(options) {
  await page?.context().close()
  const context = await browser.newContext(options)
  page = await context.newPage()
  page.setDefaultTimeout(20_000)
  page.on('console', (m) => ['error', 'warning'].includes(m.type()) && seen.push(m.text()))
  page.on('pageerror', (e) => seen.push(String(e)))
  page.on('dialog', (d) => { seen.push('dialog: ' + d.message()); void d.dismiss() })
  page.on('request', (r) => new URL(r.url()).origin === HOST || elsewhere.push(r.url()))
}

async function signIn(text) {
  await page.getByLabel('Token').fill(text)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

const heading = (name) => page.getByRole('heading', { level: 1, name }).waitFor()
const open = (path) => page.goto(HOST + '/#/main/shop' + path)
const row = (text) => page.getByRole('row').filter({ hasText: text })

/** Holds what axe says of the page that is open. */
async function accessible(t) {
  await page.evaluate(await readFile(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8'))
  const found = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }))
  const list = found.violations.map((v) => `${v.impact} ${v.id}: ${v.nodes.map((n) => n.html).slice(0, 3).join(' | ')}`)
  assert.deepEqual(list, [], `axe: ${t.name}`)
}

before(async () => {
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] })
  const made = await admin('POST', '/tokens', { name: 'console', scopes: ['read'], namespaces: ['main'] })
  token = made.text
  tokenID = made.token.id
  await newPage()
})
after(() => browser?.close())
afterEach(() => {
  assert.deepEqual(seen.splice(0), [], 'errors in the page')
  assert.deepEqual(elsewhere.splice(0), [], 'asked of others')
})

test('a wrong token is refused, and said to be', async (t) => {
  await page.goto(HOST + '/')
  await heading('Sign in')
  await accessible(t)
  await signIn('grow_wrong')
  await page.getByRole('alert').filter({ hasText: 'the token is missing or wrong' }).waitFor()
  assert.deepEqual(seen.splice(0).filter((text) => !text.includes('401')), [])
  assert.equal(await page.evaluate(() => sessionStorage.length), 0)
})

test('a right token shows the services', async (t) => {
  await signIn(token)
  await heading('Services')
  await row('shop').waitFor()
  await accessible(t)
  const kept = await page.evaluate(() => ({ session: { ...sessionStorage }, local: localStorage.length, cookies: document.cookie, address: location.href }))
  assert.deepEqual(kept, { session: { 'grow.token': token }, local: 0, cookies: '', address: HOST + '/' })
})

test('the graph shows counts as messages are handled', async (t) => {
  await page.getByRole('link', { name: 'shop' }).click()
  const node = page.locator('[data-node="checkout/price"]')
  await node.filter({ hasText: '0 handled' }).waitFor()
  for (const id of ['POST /', 'checkout/input', 'checkout/ship', 'checkout/output']) await page.locator(`[data-node="${id}"]`).waitFor()
  assert.ok((await page.locator('.svelte-flow__edge').count()) >= 4)
  const answer = await fetch(SERVICE + '/', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '"hello"' })
  assert.equal(answer.status, 200)
  await node.filter({ hasText: '1 handled' }).waitFor()
  await page.locator('[data-node="checkout/ship"]').filter({ hasText: '1 dead' }).waitFor()
  for (const ends of ['POST / to checkout/input', 'checkout/input to checkout/price', 'checkout/price to checkout/output']) await page.getByLabel(new RegExp(`^${ends}: .*, 1 message$`)).waitFor({ state: 'attached' })
  await row('checkout/price').getByRole('cell', { name: '1', exact: true }).first().waitFor()
  await accessible(t)
  t.diagnostic(await page.evaluate(async () => {
    const ms = (name) => Math.round(performance.getEntriesByName(name)[0]?.startTime ?? NaN)
    const files = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].filter((r) => !r.name.includes('/v1/'))
    return `first paint after ${ms('first-contentful-paint')} ms, ${files.length} files of ${files.reduce((n, r) => n + r.encodedBodySize, 0)} bytes as sent`
  }))
})

test('an actor shows its documents and its last tests', async (t) => {
  await page.locator('[data-node="checkout/price"]').click()
  await heading('Actor price')
  await page.getByText('actor: price').waitFor()
  await page.getByText('1 of 1 test failed').waitFor() // for the deployment that was refused
  await page.getByText('expected "goodbye", got "hello"').waitFor()
  await page.getByRole('link', { name: 'docs/goals.md' }).click()
  await page.locator('pre').filter({ hasText: '<script>alert(1)</script><img src=x onerror=alert(2)>' }).waitFor() // as text
  await page.locator('pre').filter({ hasText: 'left\\u202eright' }).waitFor()
  await page.reload()
  await page.locator('pre').filter({ hasText: '<script>' }).waitFor() // the address names it
  await accessible(t)
})

test('the documents of the service are there, too', async (t) => {
  await page.getByRole('link', { name: 'Documents' }).click()
  await page.locator('pre').filter({ hasText: 'service: shop' }).waitFor()
  await page.getByRole('link', { name: 'workflows/checkout.yaml' }).click()
  await page.locator('pre').filter({ hasText: 'workflow: checkout' }).waitFor()
  await page.getByRole('link', { name: 'actors/price/tests/first.yaml' }).click()
  await page.locator('pre').filter({ hasText: 'goodbye' }).waitFor()
  await page.getByRole('link', { name: 'change 1' }).click()
  await page.getByText('Change 1 by ann').waitFor()
  await page.getByRole('link', { name: 'actors/price/tests/first.yaml' }).click()
  await page.locator('pre').filter({ hasText: 'it says what it hears' }).waitFor() // as it was
  await accessible(t)
})

test('deployments show their checks', async (t) => {
  await page.getByRole('link', { name: 'Deployments' }).click()
  await row('refused').filter({ hasText: '1 of 5 failed' }).getByRole('link').click()
  await heading('Deployment 2 of shop')
  await page.getByText('tests of price: 1 of 1 test failed').waitFor()
  await page.getByText('actors/price/tests/first.yaml:3:10').waitFor()
  await accessible(t)
  await page.getByRole('link', { name: 'deployment 1' }).click()
  await page.getByText('vet: 2 actors, 1 workflow, 1 endpoint').waitFor()
})

test('the difference of two revisions, as grow diff tells it', async (t) => {
  await open('/deployments/2')
  await page.getByRole('link', { name: 'what is different' }).click()
  await page.getByText('From deployment 1 to deployment 2').waitFor()
  await page.locator('li').filter({ hasText: 'changed actors/price/tests/first.yaml' }).locator('pre').filter({ hasText: 'goodbye' }).waitFor()
  await accessible(t)
  await page.getByLabel('Old').fill('price@1')
  await page.getByLabel('New').fill('price@live')
  await page.getByRole('button', { name: 'Compare' }).click()
  await page.getByText('Nothing is different').waitFor()
  await open('/difference?old=1&new=7')
  await page.getByRole('alert').filter({ hasText: 'there is no deployment 7' }).waitFor()
  seen.splice(0) // the browser writes down the 404
})

test('a dead letter, and the life of its message', async (t) => {
  await page.getByRole('link', { name: 'Dead letters' }).click()
  await page.getByRole('link', { name: DEAD }).click()
  await heading('Dead letter ' + DEAD)
  await page.locator('pre').filter({ hasText: '<b>9007199254740993</b>' }).waitFor()
  await accessible(t)
  await page.getByRole('link', { name: 'Its life' }).click()
  await heading('Message ' + DEAD)
  await page.getByText('Attempt 1').waitFor()
  await page.locator('summary').filter({ hasText: 'checkout/ship' }).filter({ hasText: 'dead' }).waitFor()
  await accessible(t)
})

test('what an attempt was told is shown, as it came and up to a bound', async (t) => {
  const told = [{ call: 1, operation: 'http.call', use: 'tax', bytes: 1536, took_ms: 3, data: { rate: '<b>7</b>' } }, { call: 2, operation: 'sql.query', use: 'books', bytes: 8, code: 'timeout', raw: 'dG9vIHNsb3c=' }, { call: 3, operation: 'kv.get' }]
  const many = Array.from({ length: 53 }, (_, n) => ({ call: n + 1, operation: 'kv.get', use: 'counts', bytes: 2, data: n === 0 ? 'x'.repeat(20_000) : n }))
  await page.route('**/trace/*', async (route) => {
    const answer = await route.fetch()
    const trace = await answer.json()
    const m = trace.messages.find((m) => m.id === DEAD)
    const [one] = m.tries
    m.tries = [{ ...one, begun: true, told, answers: [told[0]] }, { ...one, attempt: 2, begun: true, open: true, told: many }]
    await route.fulfill({ response: answer, json: trace })
  })
  await open('/messages/' + DEAD)
  const answers = page.locator('ol > li')
  await answers.filter({ hasText: 'told by http.call of tax, 1.5 KiB, 3 ms' }).locator('pre').filter({ hasText: '<b>7</b>' }).waitFor()
  await answers.filter({ hasText: 'told by sql.query of books, 8 B timeout' }).locator('pre').filter({ hasText: 'dG9vIHNsb3c=' }).waitFor()
  await answers.filter({ hasText: 'told by kv.get, 0 B' }).waitFor()
  await page.getByText('About to change something outside, after it was told 3 answers.').waitFor()
  await page.getByText('after it was told 53 answers; it has not ended.').waitFor()
  await page.getByText('3 more answers: grow trace ' + DEAD + ' -o json has all.').waitFor()
  assert.equal(await answers.count(), 3 + 50) // the answer that is kept is not there twice
  await answers.filter({ hasText: '… and 16002 characters more' }).waitFor()
  await accessible(t)
  await page.unroute('**/trace/*')
  await page.goBack()
})

test('the newest messages, of a node, lead to their lives', async (t) => {
  await page.getByRole('link', { name: 'Messages' }).click()
  await heading('Messages of shop')
  await row('checkout/price').first().waitFor()
  await accessible(t)
  await page.getByLabel('Node').fill('checkout/ship')
  await page.getByLabel('Outcome').selectOption('dead')
  await page.getByRole('button', { name: 'Show', exact: true }).click()
  await page.waitForURL(/node=checkout%2Fship&outcome=dead/)
  await row('checkout/price').first().waitFor({ state: 'detached' })
  await row(DEAD).filter({ hasText: 'dead' }).waitFor()
  await accessible(t)
  await page.getByRole('link', { name: DEAD }).click()
  await heading('Message ' + DEAD)
})

test('log lines come by themselves, and lead to their message', async (t) => {
  await page.getByRole('link', { name: 'Logs' }).click()
  await page.getByRole('link', { name: DEAD }).first().waitFor()
  await page.getByLabel('Level').selectOption('error')
  await page.getByRole('button', { name: 'Show' }).click()
  await page.waitForURL(/level=error/)
  await accessible(t)
})

test('the keyboard is enough', async () => {
  await open('/graph')
  await page.locator('[data-node="checkout/price"]').waitFor()
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab')
    if ((await page.evaluate(() => document.activeElement?.getAttribute('data-node'))) === 'checkout/price') break
  }
  await page.keyboard.press('Enter')
  await heading('Actor price')
  await page.waitForFunction(() => document.activeElement?.localName === 'main')
  await page.keyboard.press('Tab') // goes on in the page, not at its top
  assert.equal(await page.evaluate(() => document.activeElement?.closest('nav')?.getAttribute('aria-label')), 'Service')
})

test('what is paused, drained or stopped is said in words', async (t) => {
  const govern = (mode, actor) => admin('POST', '/namespaces/main/services/shop/mode', { mode, actor })
  await govern('paused', 'ship')
  await open('/graph')
  await page.locator('[data-node="checkout/ship"]').filter({ hasText: 'paused' }).waitFor()
  await row('checkout/ship').filter({ hasText: 'paused: messages are taken, and wait' }).waitFor()
  await row('checkout/price').filter({ hasText: 'running' }).waitFor()
  await accessible(t)
  await open('/actors')
  await row('ship').filter({ hasText: 'paused' }).waitFor()
  await accessible(t)
  await open('/actors/ship')
  await page.getByText('messages are taken, and wait').waitFor()
  await accessible(t)
  await govern('running', 'ship')
  await govern('drained')
  await page.goto(HOST + '/#/')
  await row('shop').filter({ hasText: 'drained' }).waitFor()
  await accessible(t)
  await govern('running')
  await row('shop').filter({ hasText: 'running' }).waitFor()
})

test('a graph that is too large to be read as a whole begins where messages come in', async () => {
  for (const viewport of [{ width: 360, height: 740 }, { width: 1280, height: 720 }]) {
    await page.setViewportSize(viewport)
    await page.goto(HOST + '/#/main/row/graph')
    await page.reload()
    const first = page.locator('[data-node="all/step-0"]')
    await first.waitFor()
    assert.ok((await first.boundingBox()).height >= 60, 'a node has the size that its text can be read at')
    assert.ok(await first.evaluate((e) => { const at = e.getBoundingClientRect(), all = e.closest('.drawing').getBoundingClientRect(); return at.left >= all.left && at.right <= all.right && at.top < all.bottom }), 'it is in sight')
  }
})

test('a service that has nothing yet is said to', async (t) => {
  await admin('PUT', '/namespaces/main/services/empty', {})
  await page.goto(HOST + '/#/')
  await row('empty').filter({ hasText: 'nothing deployed' }).waitFor()
  await page.goto(HOST + '/#/main/empty/graph')
  await page.getByText('Nothing is deployed yet').waitFor()
  assert.equal(await page.getByRole('alert').count(), 0)
  await accessible(t)
  seen.splice(0) // the browser writes down each 404
})

test('what is not there is said', async () => {
  await page.goto(HOST + '/#/main/nothing/graph')
  await page.getByRole('alert').filter({ hasText: 'there is no service main/nothing' }).first().waitFor()
  seen.splice(0) // the browser writes down each 404
})

test('it fits a phone, in the dark', async (t) => {
  await newPage({ viewport: { width: 360, height: 740 }, colorScheme: 'dark' })
  const fits = async (place) => assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), place + ' is wider than the screen')
  await page.goto(HOST + '/')
  await heading('Sign in')
  await fits('signing in')
  await signIn(token)
  await heading('Services')
  await fits('services')
  const places = {
    '/graph': page.locator('[data-node="checkout/price"]'), '/actors': row('ship'), '/actors/price': page.locator('pre').filter({ hasText: 'actor: price' }),
    '/documents': page.locator('pre'), '/deployments': row('refused'), '/deployments/1': page.getByText('vet: 2 actors'), '/difference?old=1&new=2': page.locator('pre').first(), '/messages': row(DEAD),
    '/deadletters': page.getByRole('link', { name: DEAD }), ['/messages/' + DEAD]: page.getByText('Attempt 1'), '/logs': page.getByRole('link', { name: DEAD }).first(),
  }
  for (const [place, there] of Object.entries(places)) {
    await open(place)
    await there.waitFor()
    await fits(place)
    await accessible(t)
  }
})

test('a host that does not answer is said not to, and what it told stays', async () => {
  await open('/graph')
  await row('checkout/price').waitFor()
  await page.context().setOffline(true)
  await page.getByRole('alert').filter({ hasText: 'The host does not answer' }).waitFor()
  await row('checkout/price').waitFor()
  await page.context().setOffline(false)
  await page.getByRole('alert').waitFor({ state: 'detached' })
  assert.deepEqual(seen.splice(0).filter((text) => !text.includes('ERR_INTERNET_DISCONNECTED')), [])
})

test('a token that is revoked ends it', async () => {
  await open('/graph')
  await page.locator('[data-node="checkout/price"]').waitFor()
  await admin('DELETE', '/tokens/' + tokenID)
  await page.getByRole('status').filter({ hasText: 'does not take the token any more' }).waitFor()
  assert.equal(await page.evaluate(() => sessionStorage.length), 0)
  assert.deepEqual(seen.splice(0).filter((text) => !text.includes('401')), [])
})
