// Package platform does at home what Scaleway's platform does with an uploaded archive: Pack makes the archive that
// osls would upload, Check applies the platform's rules to it, and Build compiles it with nothing but what it holds,
// behind a wrapper that treats requests as the platform's runtime does.
//
// It promises that a mistake in what is shipped shows here, in seconds, and not after minutes of a remote build. It is
// a preview: that Pack and osls choose the same files is tested with the real tool (make test-deploy), what the
// platform's builder does is known from its documentation only.
package platform

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"
)

// Archive packs the project at root as its serverless.yml says, checks the archive, builds it, and writes to stdout
// what is in it. The archive itself is written to the file out if that is not "", and only once it was built. Nothing
// else is left behind.
func Archive(ctx context.Context, root, out string, stdout io.Writer) error {
	root = filepath.Clean(root) // "" is this folder
	service, err := os.ReadFile(filepath.Join(root, "serverless.yml"))
	if err != nil {
		return err
	}
	patterns, err := Patterns(service)
	if err != nil {
		return err
	}
	handler, err := handler(service)
	if err != nil {
		return err
	}
	archive, err := Pack(root, patterns)
	if err != nil {
		return err
	}
	if err := Check(archive, handler); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "archive")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "function")
	if err := Build(ctx, archive, handler, binary); err != nil {
		return err
	}
	built, err := os.Stat(binary)
	if err != nil {
		return err
	}
	if err := summarize(stdout, archive, handler, built.Size()); err != nil || out == "" {
		return err
	}
	if err := os.WriteFile(out, archive, 0o600); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "it is in %s, SHA-256 %x\n", out, sha256.Sum256(archive))
	return err
}

func summarize(stdout io.Writer, archive []byte, handler string, binary int64) error {
	files, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return err
	}
	type folder struct {
		files int
		bytes uint64
	}
	folders := map[string]folder{}
	var total uint64
	for _, file := range files.File {
		f := folders[path.Dir(file.Name)]
		f.files++
		f.bytes += file.UncompressedSize64
		folders[path.Dir(file.Name)] = f
		total += file.UncompressedSize64
	}
	var out bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(folders)) {
		fmt.Fprintf(&out, "%-28s %3d files %8.1f KiB\n", name, folders[name].files, kib(folders[name].bytes))
	}
	fmt.Fprintf(&out, "archive: %d files, %.1f KiB of code, %.1f KiB zipped; handler %s; builds to %.1f MiB\n",
		len(files.File), kib(total), kib(uint64(len(archive))), handler, kib(uint64(max(binary, 0)))/1024)
	_, err = stdout.Write(out.Bytes())
	return err
}

func kib(bytes uint64) float64 { return float64(bytes) / 1024 }

// handler is the handler of the one function in serverless.yml.
func handler(serverlessYML []byte) (string, error) {
	var service struct {
		Functions map[string]struct {
			Handler string `yaml:"handler"`
		} `yaml:"functions"`
	}
	if err := yaml.Unmarshal(serverlessYML, &service); err != nil {
		return "", fmt.Errorf("serverless.yml: %w", err)
	}
	if len(service.Functions) != 1 {
		return "", fmt.Errorf("serverless.yml: functions: want exactly one, have %d", len(service.Functions))
	}
	for name, function := range service.Functions {
		if function.Handler == "" {
			return "", fmt.Errorf("serverless.yml: functions.%s.handler: missing", name)
		}
		return function.Handler, nil
	}
	panic("unreachable: the map holds one function")
}
