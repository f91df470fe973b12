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
    const round = new Promise((resolve) => client.on('output', (e) => e.body.output === 'round\n' && resolve()));
    await Promise.all([
      client.waitForEvent('initialized').then(async () => {
        await client.setBreakpointsRequest({ source: { path }, breakpoints: [{ line: 4, logMessage: 'round' }] });
        return client.configurationDoneRequest();
      }),
      client.launch({ ...config, forever: true }),
      round,
    ]);
    await client.setBreakpointsRequest({ source: { path }, breakpoints: [] });
    const threadId = (await client.threadsRequest()).body.threads[0].id;
    await Promise.all([client.pauseRequest({ threadId }), client.waitForEvent('stopped')]);
    await client.customRequest('setExpression', { expression: 'idle', value: 'false' });
    await Promise.all([client.continueRequest({ threadId }), client.waitForEvent('thread')]);
  });
  await session('what is announced works', async (client) => {
    const threadId = 1;
    const can = (await client.initializeRequest()).body;
    await Promise.all([
      client.waitForEvent('initialized').then(async () => {
        await client.setFunctionBreakpointsRequest({ breakpoints: [{ name: 'add' }] });
        await client.setExceptionBreakpointsRequest({ filters: [], filterOptions: [{ filterId: 'output', condition: 'order.done' }] });
        return client.configurationDoneRequest();
      }),
      client.attachRequest(config),
      client.assertStoppedLocation('function breakpoint', { path, line }),
    ]);
    const [, handle] = (await client.stackTraceRequest({ threadId })).body.stackFrames;
    const ask = {
      supportsBreakpointLocationsRequest: ['breakpointLocations', { source: { path }, line: 1, endLine: 20 }, (b) => b.breakpoints.length > 5],
      supportsLoadedSourcesRequest: ['loadedSources', {}, (b) => b.sources.length === 1],
      supportsCompletionsRequest: ['completions', { frameId: handle.id, text: 'order.q', column: 8 }, (b) => b.targets[0].label === 'qty'],
      supportsSetExpression: ['setExpression', { frameId: handle.id, expression: 'order.qty', value: '8' }, (b) => b.value === '8'],
      supportsEvaluateForHovers: ['evaluate', { frameId: handle.id, expression: 'order.qty', context: 'hover' }, (b) => b.result === '8'],
      supportsReadMemoryRequest: ['readMemory', { memoryReference: '0x100', count: 4 }, (b) => Buffer.from(b.data, 'base64').toString() === 'some'],
      supportsWriteMemoryRequest: ['writeMemory', { memoryReference: '0x100', data: Buffer.from('none').toString('base64') }, (b) => b.bytesWritten === 4],
      supportsDisassembleRequest: ['disassemble', { memoryReference: handle.instructionPointerReference, instructionCount: 3 }, (b) => b.instructions.length === 3],
      supportsCancelRequest: ['cancel', { requestId: 1 }, () => true],
    };
    for (const [capability, [command, args, ok]] of Object.entries(ask)) {
      assert.equal(can[capability], true, capability);
      assert.ok(ok((await client.customRequest(command, args)).body), command);
    }
    assert.equal(Buffer.from((await client.customRequest('readMemory', { memoryReference: '0x100', count: 4 })).body.data, 'base64').toString(), 'none');
    for (const [capability, command, args] of [
      ['supportsRestartFrame', 'restartFrame', { frameId: handle.id }], ['supportsGotoTargetsRequest', 'gotoTargets', { source: { path }, line: 8 }],
      ['supportsStepBack', 'stepBack', { threadId }], ['supportsModulesRequest', 'modules', {}],
    ]) {
      assert.ok(!can[capability], capability);
      await assert.rejects(client.customRequest(command, args), /debug.unsupported/, command);
    }
    await Promise.all([client.continueRequest({ threadId }), client.waitForEvent('stopped')]);
    const info = (await client.customRequest('exceptionInfo', { threadId })).body;
    assert.match(info.description, /^output order.done/);
    const many = (await client.evaluateRequest({ expression: 'many', context: 'watch' })).body;
    const page = await client.variablesRequest({ variablesReference: many.variablesReference, filter: 'indexed', start: 2490, count: 100 });
    assert.deepEqual([many.indexedVariables, page.body.variables.length, page.body.variables[0].name], [2500, 10, '[2490]']);
    await Promise.all([client.customRequest('terminate'), client.waitForEvent('terminated')]);
  });
}

main().catch((e) => { console.error(e); process.exit(1); });
