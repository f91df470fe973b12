import type { Host } from './api'

/** What each page of a service is given. */
export interface Page {
  host: Host
  path: string // of the service in the control API
  namespace: string
  name: string
  one: string // which of a list; "" for the list
}
