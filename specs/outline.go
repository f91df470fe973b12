package specs

// Outline reads what there is of the service in the folder dir, although its
// files may not fit together yet: whoever adds to a service looks at it so. What
// could not be read is missing from it, and is named by the problems; the error
// says that the folder itself could not be opened. An outline cannot be run.
func Outline(dir string, o Options) (*Service, Problems, error) {
	l, err := read(dir, o)
	if err != nil {
		return nil, nil, err
	}
	mistakes, warnings := l.sorted()
	l.service.Warnings = warnings
	return l.service, mistakes, nil
}
