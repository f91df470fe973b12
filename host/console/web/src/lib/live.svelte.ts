import { onDestroy } from 'svelte'
import { Fault } from './api'

const waitMax = 30_000 // ms between two questions to a host that does not answer

/**
 * Live is an answer of the host that is kept new: it is asked for again `every` ms (0: only
 * once) while the page is looked at. What was answered before stays while the host fails.
 * It is made while a component is, and ends with it.
 */
export class Live<T> {
  value = $state.raw<T>()
  fault = $state.raw<Fault>()
  private readonly end = new AbortController()
  private timer = 0
  private failed = 0

  constructor(private readonly ask: (signal: AbortSignal) => Promise<T>, private readonly every = 0) {
    const seen = () => { if (!document.hidden && this.timer === -1) void this.next() }
    document.addEventListener('visibilitychange', seen)
    onDestroy(() => {
      this.end.abort()
      clearTimeout(this.timer)
      document.removeEventListener('visibilitychange', seen)
    })
    void this.next()
  }

  private async next(): Promise<void> {
    this.timer = 0
    try {
      this.value = await this.ask(this.end.signal)
      this.fault = undefined
      this.failed = 0
    } catch (e) {
      if (this.end.signal.aborted) return
      this.fault = e instanceof Fault ? e : new Fault(0, 'console.fault', String(e))
      this.failed++
    }
    if (this.end.signal.aborted || (this.every === 0 && this.fault?.status !== 0)) return
    if (document.hidden) {
      this.timer = -1
      return
    }
    const wait = Math.min(waitMax, (this.every || 2000) * 2 ** Math.min(this.failed, 5))
    this.timer = setTimeout(() => void this.next(), wait)
  }
}
