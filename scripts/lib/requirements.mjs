// Installs what a clean clone lacks: npm packages, then system packages by apt-get where that is allowed.
// Node built-ins only: it runs before `npm ci`.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { onPath, Problem, root, run } from './run.mjs';

/** The first Node release line with everything that the scripts and the build use. */
const leastNode = 20;

/** System tools: the programs or files looked for, of which one is enough, and the Debian package that has them. */
const tools = {
  gcc: { programs: ['gcc', 'cc', 'clang'], package: 'gcc' },
  libc: { files: ['/usr/include/stdio.h'], package: 'libc6-dev' },
  make: { programs: ['make', 'gmake'], package: 'make' },
  qemu: { programs: ['qemu-system-x86_64'], package: 'qemu-system-x86' },
  bochs: { programs: ['bochs'], package: 'bochs' },
  unicorn: { files: ['/usr/include/unicorn/unicorn.h'], package: 'libunicorn-dev' },
};

/** Bochs needs one of its displays, and picks the largest by itself. */
const companions = { bochs: ['bochs-term', 'bochsbios', 'vgabios'] };

/** Names under which distributions install Chromium or Chrome. */
const browsers = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Throws a Problem when this Node is older than the scripts need. */
export function requireNode() {
  if (Number(process.versions.node.split('.')[0]) < leastNode) {
    throw new Problem(`Node ${process.versions.node} is too old: install Node ${leastNode} or newer.`);
  }
}

/**
 * Brings `node_modules` of a folder to the state of its lock file, and does nothing when it is there already.
 * The check compares the lock file with the copy that npm leaves in node_modules, so a half finished or outdated
 * installation is repaired.
 */
export function requireNpmPackages(folder = root, args = []) {
  const lock = readJson(path.join(folder, 'package-lock.json'));
  const installed = readJson(path.join(folder, 'node_modules/.package-lock.json'));
  const current = Object.entries(lock.packages).every(([name, entry]) =>
    name === '' || entry.optional || installed?.packages[name]?.version === entry.version);
  if (!current) run('npm', ['ci', '--no-audit', '--no-fund', ...args], { cwd: folder });
  return !current;
}

/** Installs the named tools (keys of `tools`) that are missing; throws a Problem with the command when it may not. */
export function requireTools(names) {
  installPackages(missing(names));
}

/** Installs the named tools that are missing, and says what is `skipped` where that cannot be: tests can do without them. */
export function offerTools(names, without) {
  try {
    installPackages(missing(names));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    console.log(`skipped: ${without}. ${error.message}`);
  }
}

function missing(names) {
  const here = ({ programs = [], files = [] }) => programs.some(onPath) || files.some(existsSync);
  return names.filter(name => !here(tools[name])).flatMap(name => [tools[name].package, ...companions[name] ?? []]);
}

/**
 * The path of a Chromium or Chrome for the editor's tests: $CHROMIUM, one on the PATH, Debian's package, or
 * (where the distribution has it as a snap only, as Ubuntu) the build that Playwright downloads.
 */
export async function requireBrowser() {
  const named = process.env.CHROMIUM;
  if (named) {
    if (!existsSync(named)) throw new Problem(`CHROMIUM names ${named}, which does not exist. Correct it or unset it.`);
    return named;
  }
  let found = findBrowser();
  if (found) return found;
  const { chromium } = await import('playwright-core');
  if (existsSync(chromium.executablePath())) return chromium.executablePath();
  if (distribution() === 'ubuntu') {
    run(process.execPath, [path.join(root, 'node_modules/playwright-core/cli.js'), 'install', '--with-deps', 'chromium']);
    return chromium.executablePath();
  }
  installPackages(['chromium']);
  found = findBrowser();
  if (!found) throw new Problem('No Chromium was found after its installation. Set CHROMIUM to the path of one.');
  return found;
}

function findBrowser() {
  for (const name of browsers) {
    const found = spawnSync('sh', ['-c', 'command -v -- "$1"', 'sh', name], { encoding: 'utf8' }).stdout.trim();
    if (found) return found;
  }
  return undefined;
}

function installPackages(packages) {
  if (packages.length === 0) return;
  const install = ['apt-get', 'install', '-qy', '--no-install-recommends', ...packages];
  const isRoot = process.getuid?.() === 0;
  const bySudo = !isRoot && onPath('sudo') && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0;
  if (!onPath('apt-get') || !(isRoot || bySudo)) {
    throw new Problem(`Missing: ${packages.join(', ')}. Install them and run this again:\n`
      + (onPath('apt-get') ? `  sudo apt-get update && sudo ${install.join(' ')}` : `  (your system's package manager) ${packages.join(' ')}`));
  }
  const prefix = isRoot ? [] : ['sudo', '-n'];
  const env = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive'];
  run(env[0], [...env.slice(1), 'apt-get', 'update', '-q']);
  run(env[0], [...env.slice(1), ...install]);
}

function distribution() {
  return existsSync('/etc/os-release') ? /^ID=["']?(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] : undefined;
}

function readJson(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}
