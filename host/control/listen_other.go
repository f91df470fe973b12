//go:build !unix

package control

import "net"

// listenPrivate opens a socket; who may open it is up to the folder.
func listenPrivate(path string) (net.Listener, error) { return net.Listen("unix", path) }
