// Loads the extension with an editor that is not one, and looks at what it registers.
const assert = require('assert');
const fs = require('fs');
const os = require('os');
const path = require('path');
const Module = require('module');

const registered = { providers: [], factories: [] };
const settings = {};
const editor = {
  DebugAdapterExecutable: class { constructor(command, args, options) { Object.assign(this, { command, args, options }); } },
  DebugConfigurationProviderTriggerKind: { Initial: 1, Dynamic: 2 },
  RelativePattern: class { constructor(base, pattern) { Object.assign(this, { base, pattern }); } },
  debug: {
    registerDebugConfigurationProvider: (type, provider) => registered.providers.push([type, provider]),
    registerDebugAdapterDescriptorFactory: (type, factory) => registered.factories.push([type, factory]),
  },
  workspace: {
    getConfiguration: () => ({ get: (name) => settings[name] }),
    findFiles: async () => ['/shop/actors/tax/actor.yaml', '/shop/actors/price/actor.yaml'].map((fsPath) => ({ fsPath })),
  },
};
const load = Module._load;
Module._load = (name, ...rest) => (name === 'vscode' ? editor : load(name, ...rest));

async function main() {
  const context = { subscriptions: [] };
  require('../extension.js').activate(context);
  assert.equal(context.subscriptions.length, 3);
  const [[type, provider]] = registered.providers;
  const [[, factory]] = registered.factories;
  assert.equal(type, 'grow');

  const shop = fs.mkdtempSync(path.join(os.tmpdir(), 'shop-'));
  const sources = path.join(shop, 'actors', 'price', 'src', 'rust');
  fs.mkdirSync(sources, { recursive: true });
  fs.writeFileSync(path.join(shop, 'actors', 'price', 'actor.yaml'), 'actor: price\ncode: {language: rust, source: src/rust}\n');
  const resolve = (config) => provider.resolveDebugConfigurationWithSubstitutedVariables({ uri: { fsPath: shop } }, config);
  assert.equal(resolve({ request: 'attach', actor: 'price' }).sources, sources);
  assert.equal(resolve({ request: 'attach', actor: 'none' }).sources, undefined);
  assert.equal(resolve({ request: 'attach', actor: 'price', sources: '/mine' }).sources, '/mine');
  assert.equal(resolve({ request: 'launch', message: '1' }).stopOnEntry, true);
  assert.equal(resolve({ request: 'launch', message: '1', stopOnEntry: false }).stopOnEntry, false);
  fs.rmSync(shop, { recursive: true });

  const offered = await provider.provideDebugConfigurations({});
  assert.deepEqual(offered.map((c) => c.actor), ['price', 'tax']);

  const session = { configuration: { cwd: '/shop', args: ['--host', 'x'] } };
  assert.deepEqual({ ...factory.createDebugAdapterDescriptor(session) }, { command: 'grow', args: ['debug', '--dap', 'stdio', '--host', 'x'], options: { cwd: '/shop' } });
  settings.command = '/opt/grow';
  assert.equal(factory.createDebugAdapterDescriptor(session).command, '/opt/grow');
  console.log('ok');
}

main().catch((e) => { console.error(e); process.exit(1); });
