package serverless_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/argon2"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

func TestSecretVariablesMergeAndAreHashed(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{HashMemory: 1024})
	_, n := l.Raw("POST", emulatortest.FunctionsBase+"/namespaces", `{"name":"n"}`)
	path := emulatortest.FunctionsBase + "/functions"
	_, f := l.Raw("POST", path, `{"name":"f","runtime":"go126","namespace_id":"`+n["id"].(string)+`",
		"secret_environment_variables":[{"key":"A","value":"one"},{"key":"B","value":"two"}]}`)
	path += "/" + f["id"].(string)
	first := hashes(f)
	checkHashOf(t, first["A"], "one", 1024, 1, 2)
	for _, row := range []struct {
		name, patch string
		keys        []string
		same        []string
	}{
		{"null changes nothing", `{"secret_environment_variables":null}`, []string{"A", "B"}, []string{"A", "B"}},
		{"an empty list changes nothing", `{"secret_environment_variables":[]}`, []string{"A", "B"}, []string{"A", "B"}},
		{"the same value gets a new salt", `{"secret_environment_variables":[{"key":"A","value":"one"}]}`, []string{"A", "B"}, []string{"B"}},
		{"a key without value goes", `{"secret_environment_variables":[{"key":"A"},{"key":"C","value":"three"}]}`, []string{"B", "C"}, []string{"B"}},
		{"a key that is not there", `{"secret_environment_variables":[{"key":"NONE","value":null}]}`, []string{"B", "C"}, []string{"B"}},
		{"null as a value, too", `{"secret_environment_variables":[{"key":"C","value":null}]}`, []string{"B"}, []string{"B"}},
	} {
		_, f = l.Raw("PATCH", path, row.patch)
		if diff := cmp.Diff(row.keys, keysOf(f)); diff != "" {
			t.Errorf("%s: %s", row.name, diff)
		}
		now := hashes(f)
		for _, key := range row.keys {
			kept := now[key] == first[key]
			if want := strings.Contains(strings.Join(row.same, " "), key); first[key] != "" && kept != want {
				t.Errorf("%s: hash of %s kept: %t, want %t", row.name, key, kept, want)
			}
		}
	}
}

func TestHashesTakeTheMemoryThatTheyAreGiven(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name          string
		given, memory uint32
		beta, newest  uint8 // threads
	}{
		{"as recorded", 0, 65536, 2, 64},
		{"little", 1024, 1024, 2, 64},
		{"too little for as many threads", 80, 80, 2, 10},
		{"less than argon2 can do", 1, 8, 1, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			l := emulatortest.NewLand(t, emulator.Options{HashMemory: row.given})
			path, made := box(l, `"image":"x","secret_environment_variables":{"A":"one"}`)
			checkHashOf(t, made["secret_environment_variables"].(map[string]any)["A"].(string), "one", row.memory, 3, row.newest)
			_, old := l.Raw("GET", strings.Replace(path, emulatortest.ContainersBase, emulatortest.ContainersOldest, 1), "")
			checkHashOf(t, hashes(old)["A"], "one", row.memory, 1, row.beta)
		})
	}
}

func keysOf(f map[string]any) []string {
	out := []string{}
	for _, item := range f["secret_environment_variables"].([]any) {
		out = append(out, item.(map[string]any)["key"].(string))
	}
	return out
}

func hashes(f map[string]any) map[string]string {
	out := map[string]string{}
	for _, item := range f["secret_environment_variables"].([]any) {
		pair := item.(map[string]any)
		out[pair["key"].(string)] = pair["hashed_value"].(string)
	}
	return out
}

func checkHash(t *testing.T, hash, plain string, passes uint32, threads uint8) {
	t.Helper()
	checkHashOf(t, hash, plain, 65536, passes, threads)
}

func checkHashOf(t *testing.T, hash, plain string, memory, passes uint32, threads uint8) {
	t.Helper()
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != "v=19" {
		t.Fatalf("hash %q", hash)
	}
	if want := fmt.Sprintf("m=%d,t=%d,p=%d", memory, passes, threads); parts[3] != want {
		t.Errorf("hash %q, want %s", hash, want)
	}
	salt := emulatortest.Must(base64.RawStdEncoding.DecodeString(parts[4]))(t)
	sum := base64.RawStdEncoding.EncodeToString(argon2.IDKey([]byte(plain), salt, passes, memory, threads, 32))
	if len(salt) != 16 || sum != parts[5] {
		t.Errorf("hash %q is not that of %q", hash, plain)
	}
}
