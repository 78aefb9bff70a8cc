// Questions in SQL, for what has no resource with the newest first. The server takes one read-only, bounded SELECT.

import { asked, Refused } from "./rest";

export async function sql<T>(query: string, signal?: AbortSignal): Promise<T[]> {
  const answer = await asked("sql", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ query }), ...(signal ? { signal } : {}) });
  const body = (await answer.json().catch(() => ({}))) as { data?: T[]; detail?: string; hint?: string };
  if (!answer.ok || !body.data) throw new Refused(answer.status, body.detail ?? `the server answered ${answer.status}`, body.hint ?? "");
  return body.data;
}

/** A text as SQL has it. */
export function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}
