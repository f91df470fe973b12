// The control API, as far as the console reads it. Its types are those of the document at
// v1/openapi.json, which .ci/console makes lib/schema.d.ts of.

import type { components } from './schema'

type Schemas = components['schemas']

/** What the host tells: what it may leave out is left out, and is never null. */
type Told<T> = unknown extends T ? T : T extends (infer V)[] ? Told<V>[] : T extends object ? { [K in keyof T]: Told<undefined extends T[K] ? Exclude<T[K], null> : T[K]> } : T

export type Service = Told<Schemas['Service']>
export type Mode = Service['mode']
export type ActorStatus = Told<Schemas['ActorStatus']>
export type NodeStatus = Told<Schemas['ShardNodeStatus']>
export type Status = Told<Schemas['ControlStatus']>
export type GraphNode = Told<Schemas['GraphNode']>
export type GraphEdge = Told<Schemas['GraphEdge']>
export type Graph = Told<Schemas['Graph']>
export type Check = Told<Schemas['DeployCheck']>
export type Deployment = Told<Schemas['DeployDeployment']>
export type Revision = Told<Schemas['DeployRevision']>
export type Difference = Told<Schemas['VersionsDifference']>
export type File = Told<Schemas['DocumentsFile']>
export type Change = Told<Schemas['Change']>
export type DeadLetter = Told<Schemas['ControlDeadLetter']>
export type Try = Told<Schemas['ControlTraceTry']>
export type TraceMessage = Told<Schemas['ControlTraceMessage']>
export type Trace = Told<Schemas['ControlTrace']>
export type MessageList = Told<Schemas['ControlMessageList']>
export type LogRecord = Told<Schemas['LogsRecord']>

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
