// Steps from a Rust actor into serde_json, as it is from crates.io, and out again.
// Arguments: the port of the server; the actor's source, and the line that calls
// serde_json; serde_json's de.rs, the line that deserialises, and the next statement's.
const assert = require('assert');
const { DebugClient } = require('@vscode/debugadapter-testsupport');
const [port, path, call, library, line, after] = process.argv.slice(2);

async function main() {
  const client = new DebugClient('none', 'none', 'grow');
  await client.start(Number(port));
  await client.hitBreakpoint({ actor: 'reader' }, { path, line: Number(call) });
  const threadId = (await client.threadsRequest()).body.threads[0].id;
  const frames = async () => (await client.stackTraceRequest({ threadId })).body.stackFrames;
  const locals = async (frame) => {
    const scopes = await client.scopesRequest({ frameId: frame.id });
    return (await client.variablesRequest({ variablesReference: scopes.body.scopes[0].variablesReference })).body.variables;
  };
  const names = (list) => list.slice(0, 3).map((f) => f.name.replace(/<.*/, '').split('::').pop());

  await Promise.all([client.stepInRequest({ threadId }), client.waitForEvent('stopped')]);
  let stack = await frames();
  assert.deepEqual(names(stack).slice(0, 2), ['from_str', 'placed']);
  assert.equal(stack[0].source.path, library);
  assert.equal((await locals(stack[0])).find((v) => v.name === 's').value, '"{\\"id\\":\\"o-1\\",\\"qty\\":3}"');
  console.log('ok step in');

  const bound = await client.setBreakpointsRequest({ source: { path: library }, breakpoints: [{ line: Number(line) }] });
  assert.equal(bound.body.breakpoints[0].verified, true);
  await Promise.all([client.continueRequest({ threadId }), client.waitForEvent('stopped')]);
  stack = await frames();
  assert.deepEqual(names(stack), ['from_trait', 'from_str', 'placed']);
  assert.deepEqual([stack[0].source.path, stack[0].line], [library, Number(line)]);
  assert.equal((await locals(stack[0])).some((v) => v.name === 'de' && v.variablesReference > 0), true);
  assert.equal((await client.evaluateRequest({ expression: 'text', frameId: stack[2].id, context: 'watch' })).body.result, '"{\\"id\\":\\"o-1\\",\\"qty\\":3}"');
  console.log('ok breakpoint');

  const de = (await locals(stack[0])).find((v) => v.name === 'de').variablesReference;
  const depth = await client.customRequest('dataBreakpointInfo', { name: 'remaining_depth', variablesReference: de });
  assert.equal(depth.body.accessTypes[0], 'write');
  await client.customRequest('setDataBreakpoints', { breakpoints: [{ dataId: depth.body.dataId, accessType: 'write' }] });
  await Promise.all([client.continueRequest({ threadId }), client.waitForEvent('stopped').then((e) => assert.equal(e.body.reason, 'data breakpoint'))]);
  stack = await frames();
  assert.equal((await client.evaluateRequest({ expression: 'de.remaining_depth', frameId: stack.find((f) => f.name.includes('from_trait')).id, context: 'watch' })).body.result, '127');
  await client.customRequest('setDataBreakpoints', { breakpoints: [] });
  console.log('ok data');

  await client.setBreakpointsRequest({ source: { path: library }, breakpoints: [] });
  while (names(stack)[0] !== 'from_trait') { // out of what deserialises
    await Promise.all([client.stepOutRequest({ threadId }), client.waitForEvent('stopped')]);
    stack = await frames();
  }
  for (let steps = 0; steps < 3 && stack[0].line !== Number(after); steps++) { // the macro has lines of its own
    await Promise.all([client.nextRequest({ threadId }), client.waitForEvent('stopped')]);
    stack = await frames();
  }
  assert.deepEqual([names(stack)[0], stack[0].line], ['from_trait', Number(after)]);
  assert.equal((await locals(stack[0])).find((v) => v.name === 'value').value, 'Order {id: "o-1", qty: 3}');
  console.log('ok next');

  const called = stack[1].instructionPointerReference;
  const placed = await client.customRequest('setInstructionBreakpoints', { breakpoints: [{ instructionReference: called }] });
  assert.equal(placed.body.breakpoints[0].verified, true);
  const [, at] = await Promise.all([client.continueRequest({ threadId }), client.waitForEvent('stopped')]);
  assert.equal(at.body.reason, 'instruction breakpoint');
  stack = await frames();
  assert.deepEqual([names(stack)[0], stack[0].instructionPointerReference], ['from_str', placed.body.breakpoints[0].instructionReference]);
  const code = await client.customRequest('disassemble', { memoryReference: stack[0].instructionPointerReference, instructionOffset: -2, instructionCount: 5 });
  assert.equal(code.body.instructions[2].address, stack[0].instructionPointerReference);
  console.log('ok instruction');

  await Promise.all([client.stepOutRequest({ threadId }), client.waitForEvent('stopped')]);
  assert.equal(names(await frames())[0], 'placed');
  await Promise.all([client.continueRequest({ threadId }), client.waitForEvent('thread')]);
  await client.stop();
  console.log('ok out');
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
