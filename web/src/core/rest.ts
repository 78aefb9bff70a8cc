// Questions to `/api/v1`. An error is the server's own sentence and hint.

import { isSignedOut, SAID, signOut } from "./session";

export class Refused extends Error {
  constructor(readonly status: number, sentence: string, readonly hint: string) {
    super(sentence);
  }
}

/** Ask. Without a session nothing is: it would be refused again, four times a second, for as long as the window is open. */
export async function asked(path: string, how: RequestInit = {}): Promise<Response> {
  if (isSignedOut()) throw new Refused(401, SAID, "");
  const answer = await fetch(`/api/v1/${path}`, how).catch((error: unknown) => {
    throw error instanceof TypeError ? new Error("the server does not answer") : error; // a browser says "Failed to fetch"
  });
  if (answer.status === 401) signOut();
  return answer;
}

export async function get<T>(path: string, query: Record<string, string | number | undefined> = {}, signal?: AbortSignal): Promise<T> {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) words.set(name, String(value));
  const text = words.toString();
  const answer = await asked(`${path}${text ? "?" + text : ""}`, signal ? { signal } : {});
  const body: unknown = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const problem = body as { detail?: string; title?: string; hint?: string };
    throw new Refused(answer.status, problem.detail ?? problem.title ?? `the server answered ${answer.status}`, problem.hint ?? "");
  }
  return body as T;
}

/** Whether an error means that what was named is not there, or can be nothing's name: then it is not asked for again and again. */
export function isNoName(error: unknown): boolean {
  return error instanceof Refused && (error.status === 404 || error.status === 422);
}

/** Ask again and again, each time after the last answer, until a session is needed; `take` gets what came, `fail` why nothing did. */
export function poll<T>(everyMs: number, ask: (signal: AbortSignal) => Promise<T>, take: (found: T) => void, fail: (error: Error) => void): () => void {
  const stop = new AbortController();
  let timer = 0;
  const go = async (): Promise<void> => {
    const began = performance.now();
    if (!document.hidden) {
      try {
        const found = await ask(stop.signal);
        if (stop.signal.aborted) return;
        take(found);
      } catch (error) {
        if (stop.signal.aborted) return;
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    }
    if (!isSignedOut()) timer = window.setTimeout(() => void go(), Math.max(0, everyMs - (performance.now() - began)));
  };
  void go();
  return () => {
    stop.abort();
    clearTimeout(timer);
  };
}

/** `complete_through`: everything before that place of the journal, which the engine had taken at that time, is in the answer. */
export type Listed<T> = { data: T[]; next?: string | null; complete_through?: { offset: number; ts_engine: string | null } };
