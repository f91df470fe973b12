// Starts grow's own debugger, which speaks the Debug Adapter Protocol, for sessions of
// type "grow".
'use strict';
const fs = require('fs');
const path = require('path');
const vscode = require('vscode');

/**
 * The folder that the live sources of an actor are in, by its actor.yaml; undefined:
 * the service is not here, and those that are embedded are shown.
 */
function sourcesOf(cwd, actor) {
  if (!cwd || !actor) return undefined;
  const folder = path.join(cwd, 'actors', actor);
  try {
    const text = fs.readFileSync(path.join(folder, 'actor.yaml'), 'utf8');
    const source = /^code:[^#]*?\bsource:\s*["']?([^"',}\s]+)/m.exec(text)?.[1];
    const found = source && path.join(folder, source);
    return found && fs.statSync(found).isDirectory() ? found : undefined;
  } catch {
    return undefined;
  }
}

/** Fills in what a configuration leaves out. */
const configurations = {
  resolveDebugConfigurationWithSubstitutedVariables(folder, config) {
    config.cwd = config.cwd || folder?.uri.fsPath;
    config.sources = config.sources ?? sourcesOf(config.cwd, config.actor);
    if (config.request === 'launch' && config.stopOnEntry === undefined) config.stopOnEntry = true;
    return config;
  },

  async provideDebugConfigurations(folder) {
    const actors = folder ? await vscode.workspace.findFiles(new vscode.RelativePattern(folder, 'actors/*/actor.yaml'), undefined, 100) : [];
    return actors.map((file) => path.basename(path.dirname(file.fsPath))).sort().map((actor) => ({
      type: 'grow', request: 'attach', name: `grow: ${actor}`, actor,
    }));
  },
};

/** Runs `grow debug --dap stdio`. */
const adapters = {
  createDebugAdapterDescriptor(session) {
    const config = session.configuration;
    const command = vscode.workspace.getConfiguration('grow', session.workspaceFolder).get('command') || 'grow';
    const args = ['debug', '--dap', 'stdio', ...(config.args || [])];
    return new vscode.DebugAdapterExecutable(command, args, { cwd: config.cwd });
  },
};

function activate(context) {
  context.subscriptions.push(
    vscode.debug.registerDebugConfigurationProvider('grow', configurations),
    vscode.debug.registerDebugConfigurationProvider('grow', { provideDebugConfigurations: configurations.provideDebugConfigurations }, vscode.DebugConfigurationProviderTriggerKind.Dynamic),
    vscode.debug.registerDebugAdapterDescriptorFactory('grow', adapters),
  );
}

module.exports = { activate };
