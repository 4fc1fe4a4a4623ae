// Child processes for the root scripts: where the repository is, one pinned pnpm, and runs that stay silent until
// they fail. Only Node's own modules are imported here: this file works before anything is installed.
import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

/** The root folder of the repository, without a trailing slash. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '');

/** The one place that says which pnpm builds this repository (`devEngines` in package.json repeats it; a check compares). */
export const PNPM_VERSION = '12.21.0';

/**
 * Runs a program to its end.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, inherit?: boolean, timeoutMs?: number }} [options] `inherit` shows the
 *   output as it comes; otherwise it is collected. `timeoutMs` ends the program, which then counts as failed.
 * @returns {Promise<{ code: number, output: string }>} exit code (1 when ended by a signal) and stdout + stderr as they came
 */
export function run(command, args, options = {}) {
  // npx and npm are .cmd files on Windows, which only a shell starts.
  const shell = process.platform === 'win32' && (command === 'npx' || command === 'npm');
  const child = spawn(command, args, {
    cwd: options.cwd ?? ROOT,
    env: { ...process.env, ...options.env },
    stdio: options.inherit === true ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    shell,
  });
  /** @type {Buffer[]} */
  const chunks = [];
  child.stdout?.on('data', (chunk) => chunks.push(chunk));
  child.stderr?.on('data', (chunk) => chunks.push(chunk));
  const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), options.timeoutMs);
  return new Promise((resolve) => {
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ code: 127, output: error.message });
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const ended = signal === null ? '' : `\n(ended by ${signal})\n`;
      resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString() + ended });
    });
  });
}

/**
 * Runs the pinned pnpm through npx; no pnpm and no corepack need to be installed.
 * @param {readonly string[]} args
 * @param {Parameters<typeof run>[2]} [options]
 * @returns {ReturnType<typeof run>}
 */
export function pnpm(args, options) {
  return run('npx', ['--yes', `pnpm@${PNPM_VERSION}`, ...args], options);
}

/**
 * Runs a step with a progress line: its name at once, the seconds at the end, its output only when it fails.
 * @param {string} name
 * @param {() => Promise<{ code: number, output: string }>} step
 * @returns {Promise<boolean>} whether it succeeded
 */
export async function progress(name, step) {
  const started = performance.now();
  process.stdout.write(`${name}… `);
  const { code, output } = await step();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(code === 0 ? `${seconds} s` : `failed after ${seconds} s`);
  if (code !== 0) console.log(output.trimEnd());
  return code === 0;
}
