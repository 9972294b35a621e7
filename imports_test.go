package rotator_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"go/parser"
	"go/token"
	"os/exec"
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator/local/platform"
)

const module = "github.com/scw-key-rotator/rotator"

// What is deployed must not hold these, each for a reason.
func TestTheFunctionDoesNotShip(t *testing.T) {
	t.Parallel()
	forbidden := map[string]string{
		"testing":         "test code in what is deployed",
		module + "/local": "the emulator is for this machine only",
		"github.com/scaleway/serverless-functions-go": "the platform brings its own runtime; this is the local runner's",
		"github.com/alecthomas/kong":                  "a command line is the local runner's",
		"cel.dev/cel-go":                              "only the emulator evaluates conditions",
		"github.com/hashicorp/hcl/v2":                 "only a test reads Terraform's language",
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.FieldsSeq(string(out)) {
		for path, reason := range forbidden {
			if dep == path || strings.HasPrefix(dep, path+"/") {
				t.Errorf("the function depends on %s: %s", dep, reason)
			}
		}
	}
}

// What is packed is told by patterns: a kit that only tests import is Go code like any other to them.
func TestNoKitOfTestsIsInTheArchive(t *testing.T) {
	t.Parallel()
	patterns, err := platform.Patterns([]byte(document(t, "serverless.yml")))
	if err != nil {
		t.Fatal(err)
	}
	packed, err := platform.Pack(".", patterns)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, f := range archive.File {
		if !strings.HasSuffix(f.Name, ".go") {
			continue
		}
		looked++
		file, err := parser.ParseFile(token.NewFileSet(), f.Name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			if i.Path.Value == `"testing"` || strings.HasPrefix(i.Path.Value, `"`+module+"/local") {
				t.Errorf("%s is in the archive, and imports %s: leave it out in package.patterns of serverless.yml", f.Name, i.Path.Value)
			}
		}
	}
	if looked < 50 {
		t.Errorf("looked at %d files: the archive is not all there", looked)
	}
}

// Imports point inward, and never sideways.
func TestImportsPointInward(t *testing.T) {
	t.Parallel()
	allowed := map[string]string{
		"":                   "handler",
		"handler":            "internal/clock internal/config internal/printable internal/redact internal/report internal/run internal/safe",
		"internal/run":       "internal/clock internal/config internal/deliver internal/duration internal/envhash internal/ledger internal/printable internal/probe internal/redact internal/purge internal/report internal/rotate internal/safe internal/scaleway internal/scope internal/tell internal/version",
		"internal/rotate":    "internal/clock internal/duration internal/report internal/safe internal/scaleway",
		"internal/deliver":   "internal/clock internal/envhash internal/ledger internal/redact internal/report internal/scaleway",
		"internal/ledger":    "internal/redact internal/scaleway",
		"internal/envhash":   "internal/redact",
		"internal/purge":     "internal/clock internal/report internal/safe internal/scaleway",
		"internal/probe":     "internal/clock internal/redact internal/safe internal/scaleway internal/version",
		"internal/scaleway":  "internal/clock internal/redact internal/scaleway/transport internal/version",
		"internal/config":    "internal/duration internal/redact internal/tell",
		"internal/tell":      "internal/clock internal/printable internal/redact internal/safe internal/version",
		"internal/report":    "internal/printable",
		"internal/printable": "",
		"internal/redact":    "",
		"internal/clock":     "",
		"internal/safe":      "",
		"internal/scope":     "internal/scaleway",
		"internal/duration":  "",
		"internal/version":   "",
		"local":              "handler internal/clock internal/config internal/duration internal/printable internal/redact internal/report internal/scaleway internal/version local/deploy local/doctor local/emulator local/forecast local/host local/manifest local/platform local/setup",
		"local/host":         "local/emulator local/platform",
		"local/platform":     "",
		"local/manifest":     "",
		"local/doctor":       "handler internal/clock internal/config internal/duration internal/ledger internal/printable internal/redact internal/report internal/rotate internal/scaleway internal/version local/manifest",
		"local/forecast":     "internal/clock internal/config internal/duration internal/ledger internal/printable internal/redact internal/report internal/rotate internal/run internal/scaleway local/emulator",
		"local/setup":        "internal/clock internal/config internal/printable internal/redact internal/scaleway internal/version local/manifest",
		"local/deploy":       "handler internal/clock internal/config internal/duration internal/printable internal/redact internal/rotate internal/scaleway local/manifest local/platform local/setup",
		// Under Scaleway's SDK.
		"internal/scaleway/transport": "internal/clock",
		// Tests stand beside what they test, by subject; their kits, which only they import, know the emulator.
		"internal/run/runtest":           "internal/clock internal/config internal/redact internal/report internal/run local/emulator local/emulator/emulatortest",
		"internal/run/stories":           "",
		"internal/run/faults":            "",
		"internal/run/delivery":          "",
		"internal/run/endpoints":         "",
		"internal/run/keys":              "",
		"internal/run/reports":           "",
		"internal/scaleway/scalewaytest": "internal/clock internal/redact internal/scaleway local/emulator local/emulator/emulatortest",
		"internal/scaleway/lists":        "",
		// The emulator declares its own wire types: sharing ours would hide a misspelt field.
		"local/emulator":                     "local/emulator/audit local/emulator/control local/emulator/internal/account local/emulator/internal/api local/emulator/internal/clock local/emulator/internal/gateway local/emulator/internal/iam local/emulator/internal/mail local/emulator/internal/proxy local/emulator/internal/secrets local/emulator/internal/serverless local/emulator/internal/settings local/emulator/internal/store local/emulator/internal/strict local/emulator/internal/traffic local/emulator/internal/wire local/emulator/seeds",
		"local/emulator/audit":               "local/emulator/internal/api local/emulator/internal/iam local/emulator/internal/secrets local/emulator/internal/serverless local/emulator/internal/traffic",
		"local/emulator/control":             "local/emulator/internal/account local/emulator/internal/api local/emulator/internal/iam local/emulator/internal/secrets local/emulator/internal/serverless local/emulator/internal/strict local/emulator/internal/traffic local/emulator/internal/wire local/emulator/seeds",
		"local/emulator/emulatortest":        "local/emulator",
		"local/emulator/internal/account":    "local/emulator/internal/api local/emulator/internal/permission local/emulator/internal/store local/emulator/internal/strict local/emulator/internal/wire local/emulator/seeds",
		"local/emulator/internal/api":        "local/emulator/internal/clock local/emulator/internal/permission local/emulator/internal/settings local/emulator/internal/store local/emulator/internal/traffic local/emulator/internal/wire",
		"local/emulator/internal/clock":      "",
		"local/emulator/internal/gateway":    "local/emulator/internal/api local/emulator/internal/serverless local/emulator/internal/traffic",
		"local/emulator/internal/iam":        "local/emulator/internal/api local/emulator/internal/permission local/emulator/internal/store local/emulator/internal/strict local/emulator/internal/wire local/emulator/seeds",
		"local/emulator/internal/mail":       "local/emulator/internal/api local/emulator/internal/permission local/emulator/internal/wire",
		"local/emulator/internal/permission": "",
		"local/emulator/internal/proxy":      "local/emulator/internal/traffic",
		"local/emulator/internal/secrets":    "local/emulator/internal/api local/emulator/internal/permission local/emulator/internal/store local/emulator/internal/strict local/emulator/internal/wire local/emulator/seeds",
		"local/emulator/internal/serverless": "local/emulator/internal/api local/emulator/internal/clock local/emulator/internal/permission local/emulator/internal/store local/emulator/internal/strict local/emulator/internal/traffic local/emulator/internal/wire local/emulator/seeds",
		"local/emulator/internal/settings":   "",
		"local/emulator/internal/store":      "",
		"local/emulator/internal/strict":     "",
		"local/emulator/internal/traffic":    "local/emulator/internal/clock",
		"local/emulator/internal/wire":       "",
		"local/emulator/seeds":               "local/emulator/internal/strict",
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := json.NewDecoder(strings.NewReader(string(out)))
	for packages.More() {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := packages.Decode(&p); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		may, known := allowed[name]
		if !known {
			t.Errorf("package %s is in no row of this test's table: say what it may import", name)
		}
		for _, path := range p.Imports {
			dep, ours := strings.CutPrefix(path, module+"/")
			if ours && !contains(may, dep) {
				t.Errorf("%s imports %s; it may import only: %s", name, dep, may)
			}
		}
	}
}

func contains(list, item string) bool {
	for word := range strings.FieldsSeq(list) {
		if word == item {
			return true
		}
	}
	return false
}
