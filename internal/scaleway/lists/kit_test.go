package lists_test

import (
	"slices"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scaleway/scalewaytest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// crowded is the demo with more in the other project, and in other folders.
func crowded() emulator.Seed {
	s := emulator.Demo()
	s.Secrets = append(slices.Clone(s.Secrets),
		emulator.SeedSecret{Name: "elsewhere", Project: "demo", Path: "/rotator"},
		emulator.SeedSecret{Name: "in-amsterdam", Project: "demo", Region: "nl-ams"})
	s.Serverless = append(slices.Clone(s.Serverless), emulator.SeedPlace{
		Project: "other", Region: "nl-ams", Serverless: emulator.SeedServerless{
			FunctionNamespaces: []emulator.SeedFunctionNamespace{{
				Name: "files", Tokens: []emulator.SeedToken{{Description: "all of files"}},
				Functions: []emulator.SeedFunction{{Name: "upload", Domains: []string{"upload.example.com"}}},
			}},
			ContainerNamespaces: []emulator.SeedContainerNamespace{{
				Name: "pages", Containers: []emulator.SeedContainer{{Name: "wiki", Domains: []string{"wiki.example.com"}}},
			}},
		},
	})
	return s
}

// scopes are all that may have tokens in the project, by name.
func scopes(t *testing.T, r scalewaytest.Rig) []scaleway.Scope {
	t.Helper()
	var out []scaleway.Scope
	for _, p := range []scaleway.Product{scaleway.Functions, scaleway.Containers} {
		for _, region := range r.TokenRegions(p) {
			namespaces, err := r.Namespaces(t.Context(), p, region)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range namespaces {
				out = append(out, scaleway.Scope{Product: p, Region: region, Namespace: n, Name: n.Name})
			}
			resources, err := r.Resources(t.Context(), p, region, namespaces)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range resources {
				out = append(out, scaleway.Scope{Product: p, Region: region, Namespace: x.Namespace, ResourceID: x.ID, Name: x.Name})
			}
		}
	}
	return out
}

// answerKinds are emulators that answer lists each in a way of its own.
var answerKinds = map[string]emulator.Answers{
	"as assumed":                    {},
	"filters are ignored":           {IgnoreFilters: true},
	"namespaces list all tokens":    {NamespaceTokensAll: true},
	"both":                          {IgnoreFilters: true, NamespaceTokensAll: true},
	"a second DELETE is a success":  {SecondDeleteOK: true},
	"a name stays taken for a time": {NameTakenByDeleted: true},
}
