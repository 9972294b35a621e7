package emulatortest_test

import (
	"testing"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// spy is a test that only counts its errors, and ends when told to.
type spy struct {
	testing.TB
	errors  int
	cleanup []func()
}

func (s *spy) Errorf(string, ...any) { s.errors++ }
func (s *spy) Cleanup(f func())      { s.cleanup = append(s.cleanup, f) }

func (s *spy) end() {
	for _, f := range s.cleanup {
		f()
	}
}

func TestUnknownRoutesFailTheTest(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		path string
		do   func(*emulatortest.Env)
		want int
	}{
		{"a route that exists", "/iam/v1alpha1/api-keys", func(*emulatortest.Env) {}, 0},
		{"one that does not", "/iam/v1alpha1/passwords", func(*emulatortest.Env) {}, 1},
		{"allowed", "/iam/v1alpha1/passwords", (*emulatortest.Env).AllowUnknownRoutes, 0},
		{"struck by a fault", "/iam/v1alpha1/api-keys", func(env *emulatortest.Env) { env.Arm(emulator.Fault{Status: 500}) }, 0},
	} {
		s := &spy{TB: t}
		env := emulatortest.Start(s, emulator.Options{}, emulator.Empty())
		row.do(env)
		env.Call(env.Secret, "GET", row.path, nil)
		s.end()
		if s.errors != row.want {
			t.Errorf("%s: %d errors, want %d", row.name, s.errors, row.want)
		}
	}
}
