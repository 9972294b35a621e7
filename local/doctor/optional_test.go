package doctor_test

import (
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator/local/doctor"
)

// What the function may be set to do besides is not too much, and is not missing.
func TestThePermissionSetForEMailIsNotTooMuch(t *testing.T) {
	t.Parallel()
	seed := wellSet()
	sets := &seed.Applications[0].Policies[0].Rules[1].PermissionSets
	*sets = append(*sets, "TransactionalEmailEmailApiCreate")
	for _, line := range open(t, seed).examine().Lines {
		if strings.Contains(line.Text, "TransactionalEmail") || strings.Contains(line.Text, "is more than") || line.Mark == doctor.Wrong {
			t.Errorf("%s: %s", line.Mark, line.Text)
		}
	}
}
