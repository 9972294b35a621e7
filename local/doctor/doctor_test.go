package doctor_test

import (
	"testing"

	"github.com/scw-key-rotator/rotator/local/doctor"
)

func TestAProjectThatIsWellSet(t *testing.T) {
	t.Parallel()
	r := open(t, wellSet()).examine()
	if r.Outcome != doctor.Right {
		t.Errorf("it is %s:\n%s", r.Outcome, said(r))
	}
	t.Log(said(r))
}
