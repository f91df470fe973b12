// The control API, as far as the console reads it. Its document is at v1/openapi.json.

export interface Service { namespace: string; name: string; live?: number }

export interface NodeStatus {
  node: string; actor: string; revision: string
  mailbox: number; capacity: number; instances: number; waiting: number
  handled: number; refused: number; failed: number; retried: number; dead: number; outputs: number
  busy: number; fuel: number; memory: number; last_code: string
}

export interface Status {
  service: string; version?: string; url: string; started: string; time: string
  endpoints: { endpoint: string; send: string; to: string }[]
  nodes: NodeStatus[]
  dead_letters: number; dead_letters_kept: number
  journal: { at: string; fault?: string; records: number; bytes?: number }
  fault?: string
}

export interface GraphNode { id: string; kind: string; name: string; actor?: string; workflow?: string; at?: string }
export interface GraphEdge { from: string; to: string; types: string[]; when?: string; else?: boolean }
export interface Graph { nodes: GraphNode[]; edges: GraphEdge[] }

export interface Detail { subject?: string; at?: string; text: string; diff?: string }
export interface Check { name: string; outcome: 'passed' | 'failed' | 'skipped'; text: string; took_ns: number; details?: Detail[]; more?: number }
export interface Artifact { digest: string; size: number; language?: string; signed_by?: string }
export interface Deployment {
  number: number; time: string; by: string; text?: string; commit?: string; change: string
  actors: Record<string, Artifact & { revision: number }> | null
  checks: Check[] | null; forced?: string; before?: number; state: string; fault?: string; took_ns: number; live?: string
}
export interface File { path: string; digest: string; size: number }
export interface Revision {
  actor: string; number: number; parent?: number; artifact: Artifact; proof: Check[] | null
  time: string; by: string; commit?: string; deployment: number
}
export interface Change { id: string; number: number; time: string; by: string; text?: string; commit?: string; files?: File[] }

export interface DeadLetter {
  id: string; time: string; node: string; key?: string; type: string; code: string; reason: string; attempt: number
  attrs?: Record<string, string>; data?: unknown; raw?: string
}

export interface Try {
  attempt: number; time: string; took_ms: number; fuel: number; revision?: string; code?: string; reason?: string
  state?: { name: string; revision: number; data?: unknown; raw?: string }[]
  answers?: { call: number; operation: string; use?: string; took_ms?: number; code?: string; data?: unknown; raw?: string }[]
}
export interface TraceMessage {
  id: string; cause?: string; depth: number; node?: string; key?: string; type: string; time: string; outcome: string
  code?: string; reason?: string; tries: Try[] | null; acts?: { name: string; time: string; by: string; reason?: string; again?: string }[]
  data?: unknown; raw?: string
}
export interface Trace { id: string; flow: string; began: string; took_ms: number; fuel: number; messages: TraceMessage[]; more?: boolean }

export interface LogRecord {
  time: string; level: string; host?: boolean; node?: string; message?: string; text: string; fields?: Record<string, string>
}

/** What a host says it cannot or will not do. A status of 0: it was not reached. */
export class Fault extends Error {
  constructor(readonly status: number, readonly code: string, message: string, readonly next = '') {
    super(message)
  }
}

const kept = 'grow.token' // in sessionStorage: it ends with the tab

/** The host that the page came from, asked in the name of a token. */
export class Host {
  constructor(private readonly token: string, private readonly refused: () => void = () => {}) {}

  static remembered(): string { return sessionStorage.getItem(kept) ?? '' }
  static remember(token: string): void { sessionStorage.setItem(kept, token) }
  static forget(): void { sessionStorage.removeItem(kept) }

  /** Asks for what is at a path below v1; with a body by POST. */
  async ask<T>(path: string, signal?: AbortSignal, body?: unknown): Promise<T> {
    return parse(await (await this.send(path, signal, body)).text()) as T
  }

  async text(path: string, signal?: AbortSignal): Promise<string> {
    return (await this.send(path, signal)).text()
  }

  /** Asks for lines of JSON, and calls each with every one as it comes. */
  async lines<T>(path: string, body: unknown, each: (value: T) => void, signal: AbortSignal): Promise<void> {
    const reader = (await this.send(path, signal, body)).body!.pipeThrough(new TextDecoderStream()).getReader()
    let rest = ''
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const list = (rest + value).split('\n')
      rest = list.pop()!
      for (const line of list.filter(Boolean)) {
        const v = parse(line) as T & { error?: { code: string; message: string; next?: string } }
        if (v.error) throw new Fault(200, v.error.code, v.error.message, v.error.next)
        each(v)
      }
    }
  }

  private async send(path: string, signal?: AbortSignal, body?: unknown): Promise<Response> {
    let answer: Response
    try {
      answer = await fetch('v1' + path, {
        method: body === undefined ? 'GET' : 'POST', signal, cache: 'no-store', credentials: 'omit', redirect: 'error',
        headers: { Authorization: 'Bearer ' + this.token, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
        body: body === undefined ? undefined : JSON.stringify(body),
      })
    } catch (e) {
      if (signal?.aborted) throw e
      throw new Fault(0, 'host.unreachable', 'The host does not answer.', 'See whether it runs; the page goes on by itself when it does.')
    }
    if (answer.ok) return answer
    if (answer.status === 401) this.refused()
    const text = await answer.text()
    try {
      const { code, message, next } = (parse(text) as { error: { code: string; message: string; next?: string } }).error
      throw new Fault(answer.status, code, message, next)
    } catch (e) {
      throw e instanceof Fault ? e : new Fault(answer.status, 'host.fault', text.slice(0, 200) || answer.statusText)
    }
  }
}

type Exact = JSON & { rawJSON?: (text: string) => unknown }

/** Reads JSON, keeping integers that a double cannot hold as they are written. */
function parse(text: string): unknown {
  const exact = (JSON as Exact).rawJSON
  return JSON.parse(text, function (_: string, v: unknown, context?: { source: string }) {
    return exact && typeof v === 'number' && !Number.isSafeInteger(v) && context && /^-?\d+$/.test(context.source) ? exact(context.source) : v
  } as (key: string, value: unknown) => unknown)
}

/** Where everything of a service is. */
export function at(namespace: string, service: string): string {
  return `/namespaces/${encodeURIComponent(namespace)}/services/${encodeURIComponent(service)}`
}
