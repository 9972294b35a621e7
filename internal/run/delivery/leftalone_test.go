package delivery_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
)

// A key that the rotator published, and replaces no more, dies by itself one day,
// whoever calls with it: that is said a month before, is what the run's last
// line counts the days to, and no run is a success once it has happened.
func TestAKeyThatIsLeftAloneDoesNotDieInSilence(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(l *life){
		"its policy reaches another project": func(l *life) {
			for _, p := range l.MustCall(http.MethodGet, "/iam/v1alpha1/policies?page_size=100", nil)["policies"].([]any) {
				if row := p.(map[string]any); row["application_id"] == runtest.OrdersID {
					l.MustCall(http.MethodPut, "/iam/v1alpha1/rules", map[string]any{"policy_id": row["id"], "rules": []any{map[string]any{
						"permission_set_names": []string{"FunctionsPrivateAccess", "ContainersPrivateAccess"}, "project_ids": []string{l.Project("demo"), l.Project("other")},
					}}})
				}
			}
		},
		"it is left out of ROTATOR_APPLICATIONS": func(l *life) { l.Cfg.Applications = []string{runtest.RotatorID} },
		"somebody else publishes there": func(l *life) {
			k := l.Key(l.t, runtest.Current(l.t, l.last))
			l.describe("by hand", k.AccessKey, k.SecretKey)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := live(t, rotated())
			l.run()
			k := l.Key(t, runtest.Current(t, l.last))
			leave(l)
			see := func(before time.Duration) (level report.Level, outcome report.Outcome, log string) {
				var out bytes.Buffer
				l.Log = &out
				l.Clock().Advance(k.Expires.Add(-before).Sub(l.Clock().Now()))
				l.run()
				for _, f := range l.last.Findings {
					if strings.Contains(f.Text, "its key "+k.AccessKey+", which is replaced no more") {
						level = f.Level
					}
				}
				return level, l.last.Outcome, out.String()
			}
			if level, _, log := see(30 * 24 * time.Hour); level != "" || !strings.Contains(log, `"next_expiry":"the `) || !strings.Contains(log, "key "+k.AccessKey+" of orders") {
				t.Errorf("a month before: %q, and the log does not count the days to it:\n%s", level, runtest.Text(t, l.last))
			}
			if level, outcome, _ := see(20 * 24 * time.Hour); level != report.Warning {
				t.Errorf("20 days before: %q, %s\n%s", level, outcome, runtest.Text(t, l.last))
			}
			if level, outcome, _ := see(-time.Hour); level != report.Error || outcome != report.Failure {
				t.Errorf("an hour after: %q, %s\n%s", level, outcome, runtest.Text(t, l.last))
			}
		})
	}
}
