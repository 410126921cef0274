// Package files makes the files that a program of the examples finds at its next
// start.
package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Keep returns the content of the file; where there is none, it makes one. The
// file appears whole or not at all, and of several processes at once one makes
// it.
func Keep(path string, mode fs.FileMode, fresh func() ([]byte, error)) ([]byte, error) {
	data, err := os.ReadFile(path) // #nosec G304 -- the operator chooses where files lie
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	if data, err = fresh(); err != nil {
		return nil, err
	}
	if err := create(path, mode, data); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path) // #nosec G304 -- as above
}

// create makes a file that does not exist yet.
func create(path string, mode fs.FileMode, data []byte) error {
	temp, err := writeTemp(path, mode, data)
	if err != nil {
		return err
	}
	return errors.Join(os.Link(temp, path), os.Remove(temp)) // a link never replaces
}

func writeTemp(path string, mode fs.FileMode, data []byte) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // O_EXCL, 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}
