package faults_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// evidence is one kind of change, what a run must have seen before it makes it,
// and how that is taken away: the change is then not made, and the run says so.
type evidence struct {
	kind    string
	needs   string
	missing []emulator.Fault
}

func unanswered(paths ...string) (faults []emulator.Fault) {
	for _, path := range paths {
		faults = append(faults, emulator.Fault{Method: http.MethodGet, Path: path, Times: -1, Status: http.StatusForbidden, Body: `{"message":"insufficient permissions","type":"permissions_denied","details":[]}`})
	}
	return faults
}

const (
	listKeys       = "/iam/v1alpha1/api-keys"
	listSecrets    = "/secret-manager/v1beta1/regions/fr-par/secrets"
	listVersions   = "/secret-manager/v1beta1/regions/fr-par/secrets/*/versions"
	readVersion    = "/secret-manager/v1beta1/regions/fr-par/secrets/*/versions/*/access"
	listFunctions  = "/functions/v1beta1/regions/fr-par/functions"
	listContainers = "/containers/v1/regions/fr-par/containers"
)

// evidences has a row for each kind of change there is.
func evidences() []evidence {
	unverified := []emulator.Fault{{Method: http.MethodGet, Path: listKeys + "/*", Times: -1, Status: http.StatusUnauthorized, Body: `{"message":"authentication is denied","method":"api_key","reason":"not_found","type":"denied_authentication"}`}}
	noAnswer := []emulator.Fault{{Path: "/favicon.ico", Times: -1, DropFirst: true}}
	return []evidence{
		{"create_key", "whose keys are whose", unanswered(listKeys)},
		{"create_key", "what is published", unanswered(listVersions)},
		{"create_secret", "that there is none yet", unanswered(listSecrets)},
		{"publish", "that the new key works", slices.Concat(unverified, noAnswer)},
		{"publish", "what is published", unanswered(listVersions)},
		{"remember", "what was remembered before", unanswered(listSecrets)},
		{"update_environment", "what the environment carries", unanswered(listFunctions)},
		{"update_environment", "which key the credential holds", unanswered(readVersion)},
		{"update_environment", "that the current key works", slices.Concat(unverified, noAnswer)},
		{"redeploy", "that its deployment failed", unanswered(listFunctions)},
		{"mark_version", "who carries which key", unanswered(readVersion)},
		{"disable_version", "that the current key works", slices.Concat(unverified, noAnswer)},
		{"disable_version", "that nobody carries its key", unanswered(listFunctions)},
		{"delete_key", "that nobody carries it", unanswered(listFunctions)},
		{"delete_key", "that nobody carries it, in containers too", unanswered(listContainers)},
		{"delete_key", "which keys are published", unanswered(listVersions)},
		{"delete_key", "that the current key works", slices.Concat(unverified, noAnswer)},
		{"delete_version", "that its key is deleted", unanswered(listFunctions)},
		{"delete_version", "which version holds what", unanswered(listVersions)},
		{"delete_secret", "that the own keys it names are deleted", unanswered(listKeys)},
		{"delete_secret", "which keys it names", unanswered(listVersions)},
		{"delete_token", "that a key is let in where it opens", noAnswer},
		{"delete_token", "which keys there are", unanswered(listKeys)},
		{"delete_token", "what it opens", unanswered(listFunctions, listContainers)},
	}
}

// dueAll is a project in which one run makes a change of each kind.
func dueAll(t *testing.T) *runtest.Rig {
	t.Helper()
	seed := runtest.Guarded()
	seed.Applications[1].Keys = []emulator.SeedKey{runtest.Minted(runtest.KeyA, 60), runtest.Minted(runtest.KeyB, 31)}
	seed.Applications[0].ID = runtest.RotatorID
	gone := runtest.Holds(runtest.KeyD, 60) // what an earlier release published of the own key, which is deleted since
	gone.Data = "{}"
	own := runtest.CredentialOf(gone)
	own.Name, own.Tags = runtest.RotatorID, nil
	seed.Secrets = []emulator.SeedSecret{runtest.CredentialOf(runtest.Holds(runtest.KeyA, 60), runtest.Holds(runtest.KeyB, 31)), own}
	shop := &seed.Serverless[0].FunctionNamespaces[0]
	shop.Functions = append(shop.Functions, emulator.SeedFunction{
		Name: "web", Privacy: "public", SecretEnv: map[string]string{"CALLS_WITH": "${secret_key:orders}"},
	})
	return runtest.StartSeed(t, emulator.Options{}, seed, "ROTATOR_REGIONS=fr-par")
}

// made counts the changes of a kind, but for the undoing of this run's own key,
// and for the versions of the function's own key, which nobody reads: they go at
// once.
func made(r *report.Report, kind string) (n int) {
	for _, c := range r.Changes {
		undone := strings.HasPrefix(c.Reason, report.Undone)
		unread := kind == "delete_version" && strings.Contains(c.Object, runtest.RotatorID)
		if c.Kind == kind && c.Result != report.Refused && !undone && !unread {
			n++
		}
	}
	return n
}

func TestNoChangeIsMadeWithoutItsEvidence(t *testing.T) {
	t.Parallel()
	all := dueAll(t).MustRun(t, run.Request{})
	for _, e := range evidences() {
		t.Run(e.kind+" "+e.needs, func(t *testing.T) {
			t.Parallel()
			if made(all, e.kind) == 0 && e.kind != "redeploy" { // internal/deliver tests what is redeployed
				t.Fatalf("where nothing is missing, no %s is made: %v", e.kind, runtest.Did(all))
			}
			r := dueAll(t)
			for _, f := range e.missing {
				r.Arm(f)
			}
			got := r.Run(t, run.Request{})
			if n := made(got, e.kind); n > 0 {
				t.Errorf("%d made:\n%s", n, runtest.Text(t, got))
			}
			if got.Outcome == report.Success {
				t.Errorf("nothing says that it is missing:\n%s", runtest.Text(t, got))
			}
		})
	}
}

// A new kind of change needs a row above: what it rests on, and what happens
// where that is missing.
func TestEachKindOfChangeHasItsEvidence(t *testing.T) {
	t.Parallel()
	rows := map[string]bool{}
	for _, e := range evidences() {
		rows[e.kind] = true
	}
	kinds := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			selector, ok := literal.Type.(*ast.SelectorExpr)
			if !ok || selector.Sel.Name != "Change" {
				return true
			}
			for _, element := range literal.Elts {
				pair, ok := element.(*ast.KeyValueExpr)
				if name, is := pair.Key.(*ast.Ident); !ok || !is || name.Name != "Kind" {
					continue
				}
				value, ok := pair.Value.(*ast.BasicLit)
				if !ok {
					t.Errorf("%s: a change whose kind is not written out: this test cannot see it", path)
					continue
				}
				kind, _ := strconv.Unquote(value.Value)
				kinds[kind] = true
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for kind := range kinds {
		if !rows[kind] {
			t.Errorf("%s has no row", kind)
		}
	}
	for kind := range rows {
		if !kinds[kind] {
			t.Errorf("%s is no kind of change", kind)
		}
	}
}
