package platform

import (
	"archive/zip"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed wrapper.go.tmpl
var wrapper string

// Build compiles the archive into the executable out, as the platform does: unpacked into a folder of its own, next to
// a module with package main that imports it by its module path. Nothing but the archive and the modules it requires
// is used: no workspace, no vendored code, no other toolchain. No debugger is going to look at it.
//
// The executable serves on 127.0.0.1:$PORT (8080 if unset, a free one if 0) and says on its standard output where. It
// is of this machine's kind, not the platform's, so that it can be tried.
func Build(ctx context.Context, archive []byte, handler, out string) error {
	reader, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	sources, err := read(reader)
	if err != nil {
		return err
	}
	out, err = filepath.Abs(out)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "platform")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	if err := unpack(filepath.Join(dir, "function"), sources); err != nil {
		return err
	}
	main := filepath.Join(dir, "wrapper")
	if err := wrap(main, sources, handler); err != nil {
		return err
	}
	build := exec.CommandContext(ctx, "go", "build", "-mod=mod", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o", out, ".")
	build.Dir = main
	build.Env = append(os.Environ(), "GOWORK=off", "GOTOOLCHAIN=local", "GOFLAGS=", "CGO_ENABLED=0", "GO111MODULE=on")
	if said, err := build.CombinedOutput(); err != nil {
		// The folders are gone by the time anybody reads this.
		text := strings.ReplaceAll(string(bytes.TrimSpace(said)), dir+string(filepath.Separator), "")
		return fmt.Errorf("build the archive: %w\n%s", err, text)
	}
	return nil
}

func unpack(dir string, sources map[string][]byte) error {
	for name, content := range sources {
		if err := write(filepath.Join(dir, filepath.FromSlash(name)), content); err != nil {
			return err
		}
	}
	return nil
}

func wrap(dir string, sources map[string][]byte, handler string) error {
	module := modulePath(sources["go.mod"])
	if module == "" {
		return errors.New("go.mod: no module line")
	}
	source, err := template.New("wrapper").Parse(wrapper)
	if err != nil {
		return err
	}
	var code bytes.Buffer
	if err := source.Execute(&code, map[string]string{"Module": module, "Handler": handler}); err != nil {
		return err
	}
	// The version is of no consequence, since the module is replaced; a path ending in /v2 or the like wants its own.
	mod := fmt.Sprintf("module platform.invalid/wrapper\n\ngo %s\n\nrequire %s %s\n\nreplace %[2]s => ../function\n",
		goVersion, module, placeholder(module))
	return errors.Join(
		write(filepath.Join(dir, "go.mod"), []byte(mod)),
		// The archive's checksums, so that its modules are the ones it was tested with.
		write(filepath.Join(dir, "go.sum"), sources["go.sum"]),
		write(filepath.Join(dir, "main.go"), code.Bytes()),
	)
}

func placeholder(module string) string {
	if major := module[strings.LastIndex(module, "/")+1:]; len(major) > 1 && major[0] == 'v' && strings.Trim(major[1:], "0123456789") == "" {
		return major + ".0.0"
	}
	return "v0.0.0"
}

func write(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return os.WriteFile(name, content, 0o600)
}
