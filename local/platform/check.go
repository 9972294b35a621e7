package platform

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/version"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"
)

const (
	// goVersion is the most that go.mod may ask for: the builder of runtime go126 fetches no other toolchain.
	goVersion = "1.26.0"

	archiveLimit = 100 << 20
	codeLimit    = 500 << 20
)

// Check says whether the platform would take the archive and find the handler in it: everything that is wrong, each
// with the file and what would be right.
func Check(archive []byte, handler string) error {
	if len(archive) > archiveLimit {
		return fmt.Errorf("archive: %d bytes, the platform takes at most %d", len(archive), archiveLimit)
	}
	reader, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	sources, err := read(reader)
	if err != nil {
		return err
	}
	var problems []error
	for _, file := range reader.File {
		problems = append(problems, checkName(file.Name))
		if strings.HasSuffix(file.Name, ".go") {
			problems = append(problems, checkSource(file.Name, sources[file.Name]))
		}
	}
	problems = append(problems, checkModule(sources), checkHandler(sources, handler))
	return errors.Join(problems...)
}

// read unzips into memory, within the limits and without names that would leave the folder they are unpacked in.
func read(archive *zip.Reader) (map[string][]byte, error) {
	var total uint64
	for _, file := range archive.File {
		total += file.UncompressedSize64
	}
	if total > codeLimit {
		return nil, fmt.Errorf("archive: %d bytes of code, the platform takes at most %d", total, codeLimit)
	}
	sources := map[string][]byte{}
	for _, file := range archive.File {
		if !file.Mode().IsRegular() || path.Clean("/"+file.Name) != "/"+file.Name {
			return nil, fmt.Errorf("%s: want a regular file with a plain relative path", file.Name)
		}
		content, err := readFile(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.Name, err)
		}
		sources[file.Name] = content
	}
	return sources, nil
}

func readFile(file *zip.File) ([]byte, error) {
	content, err := file.Open()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return io.ReadAll(content)
}

func checkName(name string) error {
	switch {
	case strings.HasPrefix(name, "local/"):
		return fmt.Errorf(`%s: nothing of local/ may be shipped: mend package.patterns`, name)
	case strings.HasSuffix(name, "_test.go"):
		return fmt.Errorf(`%s: a test: end package.patterns with "!**/*_test.go"`, name)
	case strings.HasPrefix(name, ".") || strings.Contains(name, "/."):
		return fmt.Errorf(`%s: a hidden file, which may hold secrets: mend package.patterns`, name)
	}
	return nil
}

func checkSource(name string, source []byte) error {
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.PackageClauseOnly)
	if err != nil {
		return err
	}
	if file.Name.Name == "main" {
		return fmt.Errorf("%s: package main is the platform's own: leave the file out, or name its package otherwise", name)
	}
	return nil
}

func checkModule(sources map[string][]byte) error {
	mod, ok := sources["go.mod"]
	if !ok {
		return errors.New("go.mod: not at the root of the archive: add it to package.patterns")
	}
	var problems []error
	if modulePath(mod) == "" {
		problems = append(problems, errors.New("go.mod: no module line"))
	}
	if asks := directive(mod, "go"); !version.IsValid("go"+asks) || version.Compare("go"+asks, "go"+goVersion) > 0 {
		problems = append(problems, fmt.Errorf("go.mod: go %s: want go %s or less: the runtime is go126", asks, goVersion))
	}
	if toolchain := directive(mod, "toolchain"); toolchain != "" {
		problems = append(problems, fmt.Errorf("go.mod: toolchain %s: want no toolchain line: the builder has its own", toolchain))
	}
	return errors.Join(problems...)
}

// directive is the argument of a one-line directive of a go.mod, or "". The two asked for here cannot stand in a block.
func directive(mod []byte, keyword string) string {
	line := regexp.MustCompile(`(?m)^[ \t]*` + keyword + `[ \t]+(\S+)`).FindSubmatch(mod)
	if line == nil {
		return ""
	}
	return string(line[1])
}

func modulePath(mod []byte) string {
	name := directive(mod, "module")
	if plain, err := strconv.Unquote(name); err == nil {
		return plain
	}
	return name
}

// checkHandler looks for the handler where the platform does: exported, with the one signature it calls, in a file at
// the root that its build takes in.
func checkHandler(sources map[string][]byte, handler string) error {
	if !token.IsExported(handler) {
		return fmt.Errorf("handler %s: want the exported name of a function at the module's root", handler)
	}
	want := fmt.Sprintf("func %s(http.ResponseWriter, *http.Request)", handler)
	files := token.NewFileSet()
	for name, source := range sources {
		if path.Dir(name) != "." || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, name, source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, declaration := range file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || function.Recv != nil || function.Name.Name != handler {
				continue
			}
			if !isHandler(function.Type, httpName(file)) {
				return fmt.Errorf("%s: %s has another signature: want %s", name, handler, want)
			}
			if ok, err := built(name, source); err != nil || !ok {
				return errors.Join(err, fmt.Errorf("%s: holds %s, but its build constraint leaves it out on linux/amd64", name, handler))
			}
			return nil
		}
	}
	return fmt.Errorf("handler %s: in no Go file at the archive's root: want %s", handler, want)
}

func isHandler(signature *ast.FuncType, httpName string) bool {
	if signature.TypeParams != nil || signature.Results.NumFields() != 0 || signature.Params.NumFields() != 2 {
		return false
	}
	var types []ast.Expr
	for _, field := range signature.Params.List {
		for range max(1, len(field.Names)) {
			types = append(types, field.Type)
		}
	}
	request, ok := types[1].(*ast.StarExpr)
	return ok && isSelector(types[0], httpName, "ResponseWriter") && isSelector(request.X, httpName, "Request")
}

func isSelector(expr ast.Expr, pkg, name string) bool {
	selector, ok := expr.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := selector.X.(*ast.Ident)
	return ok && x.Name == pkg && selector.Sel.Name == name
}

// httpName is what the file calls net/http, or "".
func httpName(file *ast.File) string {
	for _, spec := range file.Imports {
		if spec.Path.Value != `"net/http"` {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return "http"
	}
	return ""
}

// built tells whether the platform's build takes the file in.
func built(name string, source []byte) (bool, error) {
	platform := build.Default
	platform.GOOS, platform.GOARCH, platform.CgoEnabled = "linux", "amd64", false
	platform.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(source)), nil }
	return platform.MatchFile(".", name)
}
