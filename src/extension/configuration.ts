import * as vscode from 'vscode';
import { debugType } from './protocol.js';
import { activeScenario, scenarioConfiguration } from './scenarios.js';

/** What F5 starts where no configuration says otherwise. */
export function builtInConfiguration(): vscode.DebugConfiguration {
  return { type: debugType, request: 'launch', name: vscode.l10n.t('Boot with KAISER') };
}

/** The hazard in the active editor, else the built-in kernel. */
function withoutLaunchJson(): vscode.DebugConfiguration {
  const scenario = activeScenario();
  return scenario ? scenarioConfiguration(scenario) : builtInConfiguration();
}

function withoutKaiser(): vscode.DebugConfiguration {
  return { ...builtInConfiguration(), name: vscode.l10n.t('Boot without KAISER'), append: 'kaiser=off' };
}

/** Fills in what a launch configuration leaves out. Without a program the adapter boots the built-in kernel. */
class ConfigurationProvider implements vscode.DebugConfigurationProvider {
  provideDebugConfigurations(): vscode.DebugConfiguration[] {
    const scenario = activeScenario();
    return [...(scenario ? [scenarioConfiguration(scenario), scenarioConfiguration(scenario, true)] : []), builtInConfiguration(), withoutKaiser()];
  }

  resolveDebugConfiguration(_folder: vscode.WorkspaceFolder | undefined, config: vscode.DebugConfiguration): vscode.DebugConfiguration {
    // F5 without a launch.json hands over an empty configuration.
    const filled = !config.type && !config.request && !config.name ? withoutLaunchJson() : config;
    // The guest's console is the Debug Console: a run without it shows nothing.
    return { internalConsoleOptions: 'openOnSessionStart', ...filled };
  }

  resolveDebugConfigurationWithSubstitutedVariables(
    folder: vscode.WorkspaceFolder | undefined, config: vscode.DebugConfiguration,
  ): vscode.DebugConfiguration {
    if (!folder) return config;
    const { program, sourceRoot, scenario } = config;
    return {
      ...config,
      ...(program !== undefined && sourceRoot === undefined ? { sourceRoot: folder.uri.fsPath } : {}),
      ...(typeof scenario === 'string' && scenario !== '' && !/^([/\\]|[A-Za-z]:)/.test(scenario) ? { scenario: vscode.Uri.joinPath(folder.uri, scenario).fsPath } : {}),
    };
  }
}

/** Registers the provider for F5, launch.json, and the list of dynamic configurations. */
export function registerConfigurations(): vscode.Disposable {
  const provider = new ConfigurationProvider();
  return vscode.Disposable.from(
    vscode.debug.registerDebugConfigurationProvider(debugType, provider),
    vscode.debug.registerDebugConfigurationProvider(debugType, provider, vscode.DebugConfigurationProviderTriggerKind.Dynamic),
  );
}
