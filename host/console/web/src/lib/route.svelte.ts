// The place in the console that the address names, behind its #: what is there is the
// console's alone, and stands in no log of the host.

export interface Route { parts: string[]; query: URLSearchParams }

function read(): Route {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?', 2)
  return { parts: path.split('/').filter(Boolean).map(decoded), query: new URLSearchParams(query) }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

export const here = $state<{ route: Route }>({ route: read() })

addEventListener('hashchange', () => { here.route = read() })

/** The address of a place. */
export function to(...parts: (string | number)[]): string {
  return '#/' + parts.map((p) => encodeURIComponent(p)).join('/')
}

export function go(address: string): void { location.hash = address }
