/** The longest that the editor or the machine may take to show what was asked for. */
export const patience = 30_000;

/** The longest that each step of a new window's start may take. On a machine that does much else it is slow. */
export const startPatience = 90_000;

/** Asks again and again until the answer is right; fails with the last one. */
export async function until<T>(ask: () => Promise<T>, right: (answer: T) => boolean, what: string, milliseconds = patience): Promise<T> {
  const end = Date.now() + milliseconds;
  for (;;) {
    const answer = await ask();
    if (right(answer)) return answer;
    if (Date.now() > end) throw new Error(`Waited in vain for ${what}. Last: ${JSON.stringify(answer)}`);
    await new Promise(resolve => setTimeout(resolve, 150));
  }
}
