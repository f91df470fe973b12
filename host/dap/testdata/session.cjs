// Drives a debugger as an editor's test suite does, with @vscode/debugadapter-testsupport.
// Arguments: the port of the server, a file's path, and its breakpoint's line.
const assert = require('assert');
const { DebugClient } = require('@vscode/debugadapter-testsupport');
const [port, path, line] = [Number(process.argv[2]), process.argv[3], Number(process.argv[4])];

async function session(name, run) {
  const client = new DebugClient('none', 'none', 'grow');
  await client.start(port);
  try {
    await run(client);
  } catch (e) {
    e.message = `${name}: ${e.message}`;
    throw e;
  } finally {
    await client.stop();
  }
  console.log(`ok ${name}`);
}

const config = { actor: 'shop', sources: require('path').dirname(require('path').dirname(path)) };

async function main() {
  await session('initialize', async (client) => {
    const answer = await client.initializeRequest();
    assert.equal(answer.body.supportsConfigurationDoneRequest, true);
  });
  await session('unknown request', async (client) => {
    await client.initializeRequest();
    await assert.rejects(client.customRequest('dance'), /debug.unsupported/);
  });
  await session('stop on entry', async (client) => {
    await Promise.all([
      client.configurationSequence(),
      client.launch({ ...config, stopOnEntry: true }),
      client.assertStoppedLocation('pause', { path, line: 2 }),
    ]);
  });
  await session('breakpoint', async (client) => {
    const threadId = 1;
    await client.hitBreakpoint(config, { path, line }, { path, line });
    const [add, handle] = (await client.stackTraceRequest({ threadId })).body.stackFrames;
    assert.deepEqual([add.name, handle.name, handle.line], ['add', 'handle', 3]);
    const scopes = await client.scopesRequest({ frameId: handle.id });
    const locals = await client.variablesRequest({ variablesReference: scopes.body.scopes[0].variablesReference });
    const order = locals.body.variables.find((v) => v.name === 'order');
    const fields = await client.variablesRequest({ variablesReference: order.variablesReference });
    assert.deepEqual(fields.body.variables.map((v) => v.name), ['items', 'qty']);
    const got = await client.evaluateRequest({ expression: 'order.items[1] + qty', frameId: handle.id, context: 'watch' });
    assert.equal(got.body.result, '24');
    await Promise.all([client.nextRequest({ threadId }), client.assertStoppedLocation('step', { path, line: line + 1 })]);
    const top = (await client.stackTraceRequest({ threadId })).body.stackFrames[0];
    const own = (await client.scopesRequest({ frameId: top.id })).body.scopes[0].variablesReference;
    await client.setVariableRequest({ variablesReference: own, name: 'sum', value: '9' });
    await Promise.all([client.stepOutRequest({ threadId }), client.assertStoppedLocation('step', { path, line: 4 })]);
    const frame = (await client.stackTraceRequest({ threadId })).body.stackFrames[0];
    assert.equal((await client.evaluateRequest({ expression: 'total', frameId: frame.id })).body.result, '9');
    await Promise.all([client.continueRequest({ threadId }), client.waitForEvent('thread')]);
  });
  await session('condition and log', async (client) => {
    await Promise.all([
      client.waitForEvent('initialized').then(async () => {
        await client.setBreakpointsRequest({ source: { path }, breakpoints: [
          { line, condition: 'a > 100' }, { line: 8, logMessage: 'total is {total}' }, { line: 9 },
        ] });
        await client.setExceptionBreakpointsRequest({ filters: ['uncaught'] });
        return client.configurationDoneRequest();
      }),
      client.initializeRequest().then(() => client.attachRequest(config)),
      client.assertOutput('console', 'a toy: nothing is optimised\ntotal is 5'),
      client.assertStoppedLocation('breakpoint', { path, line: 9 }),
    ]);
  });
  await session('pause', async (client) => {
    await Promise.all([client.configurationSequence(), client.launch({ ...config, forever: true })]);
    const [thread] = (await client.threadsRequest()).body.threads;
    await Promise.all([client.pauseRequest({ threadId: thread.id }), client.waitForEvent('stopped')]);
    await client.evaluateRequest({ expression: 'handled', context: 'repl' });
  });
}

main().catch((e) => { console.error(e); process.exit(1); });
