package app

import "path/filepath"

// dataDir is the folder for what capabilities keep of the service.
func (h *Host) dataDir() string {
	return filepath.Join(StateDir(h.opts.Dir), "data", h.opts.Namespace, h.opts.Service.Name)
}
