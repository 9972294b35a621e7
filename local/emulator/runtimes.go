package emulator

import (
	"strings"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// functionRuntime is one element of the list of runtimes; only the SDK is known to
// describe it, no recording does.
type functionRuntime struct {
	Name           string `json:"name"`
	Language       string `json:"language"`
	Version        string `json:"version"`
	DefaultHandler string `json:"default_handler"`
	CodeSample     string `json:"code_sample"`
	Status         string `json:"status"`
	StatusMessage  string `json:"status_message"`
	Extension      string `json:"extension"`
	Implementation string `json:"implementation"`
	LogoURL        string `json:"logo_url"`
}

// runtimes are those of the SDK's enum, with the language told by the name.
func runtimes() []functionRuntime {
	out := []functionRuntime{}
	for _, language := range []struct {
		name, prefix, versions, handler, extension string
	}{
		{"Go", "go", "113 117 118 119 120 121 122 123 124 125 126", "Handle", "go"},
		{"Node", "node", "8 10 14 16 17 18 19 20 22 24 26", "handler.handle", "js"},
		{"PHP", "php", "82 83 84 85", "handler.handle", "php"},
		{"Python", "python", "37 38 39 310 311 312 313 314", "handler.handle", "py"},
		{"Rust", "rust", "165 179 185 196", "handle", "rs"},
	} {
		for version := range strings.FieldsSeq(language.versions) {
			out = append(out, functionRuntime{
				Name: language.prefix + version, Language: language.name, Version: dotted(language.prefix, version),
				DefaultHandler: language.handler, Status: "available", Extension: language.extension,
			})
		}
	}
	return out
}

// dotted is 1.26 for go126 and 22 for node22.
func dotted(prefix, version string) string {
	if prefix == "node" {
		return version
	}
	return version[:1] + "." + version[1:]
}

func defaultHandler(name string) string {
	for _, r := range runtimes() {
		if r.Name == name {
			return r.DefaultHandler
		}
	}
	return ""
}

func listRuntimes(c *call, _ *product) (any, error) {
	if !c.AllowedSomewhere() {
		return nil, c.Forbidden()
	}
	all := runtimes()
	return wire.Object{"runtimes": all, "total_count": len(all)}, nil
}
