// Values as text. What comes from guests is shown as text that cannot hide anything:
// characters that steer a terminal, or the direction of writing, are written out.

export function plain(text: string | undefined): string {
  return (text ?? '').replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'))
}

const shownMax = 200_000 // characters of one value

/** Shortens what would make the page slow, to so many characters. */
export function some(text: string, max = shownMax): string {
  return text.length <= max ? plain(text) : plain(text.slice(0, max)) + `\n… and ${text.length - max} characters more`
}

/** Data of a message: JSON laid out, or of bytes how many there are. */
export function data(v: { data?: unknown; raw?: string }, max = shownMax): string {
  if (v.data !== undefined) return some(JSON.stringify(v.data, null, 2), max)
  return v.raw ? `${Math.floor((v.raw.length * 3) / 4)} bytes, not JSON; in base64:\n${some(v.raw, max)}` : ''
}

const counts = new Intl.NumberFormat('en')
export function count(n: number | undefined): string { return counts.format(n ?? 0) }

export function several(n: number, what: string): string { return `${count(n)} ${what}${n === 1 ? '' : 's'}` }

export function bytes(n: number | undefined): string {
  let v = n ?? 0
  for (const unit of ['B', 'KiB', 'MiB']) {
    if (v < 1024) return `${v < 10 && unit !== 'B' ? v.toFixed(1) : Math.round(v)} ${unit}`
    v /= 1024
  }
  return `${v.toFixed(1)} GiB`
}

export function ms(n: number): string {
  if (n >= 10_000) return `${(n / 1000).toFixed(1)} s`
  return `${n < 10 ? +n.toFixed(2) : Math.round(n)} ms`
}

export function took(ns: number): string { return ms(ns / 1e6) }

const days = new Intl.DateTimeFormat('en-CA', { dateStyle: 'short' })

/** A point in time, of today without the date. */
export function when(text: string | undefined): string {
  if (!text || text.startsWith('0001-')) return ''
  const t = new Date(text)
  const clock = t.toTimeString().slice(0, 8)
  return days.format(t) === days.format(new Date()) ? clock : `${days.format(t)} ${clock}`
}

export function short(digest: string): string { return digest.slice(0, 12) }
