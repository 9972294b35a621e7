package ledger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/ledger"
)

func TestAFindingIsTheSameWhateverItCounts(t *testing.T) {
	t.Parallel()
	print := func(text string) string { return ledger.FindingPrint("warning", "application partner", text) }
	for _, same := range [][2]string{
		{"its key dies in 12 days", "its key dies in 1 day"},
		{"its key dies in 1 day", "its key dies in less than a day"},
		{"is 31 days old", "is 132 days old"},
	} {
		if print(same[0]) != print(same[1]) {
			t.Errorf("%q", same)
		}
	}
	for _, other := range []string{
		print("its key dies within a week"), print("its key dies within two weeks"), print("its key SCWA dies"), print("its key SCWB dies"),
		ledger.FindingPrint("error", "application partner", "its key SCWA dies"), ledger.FindingPrint("warning", "application", "its key SCWA dies"),
	} {
		if strings.Contains(other, "key") || len(other) != 8 {
			t.Errorf("%s shows what it is the print of, or is not short", other)
		}
	}
	all := []string{print("a"), print("b"), ledger.FindingPrint("error", "application partner", "a"), ledger.FindingPrint("warning", "application p", "artnera")}
	slices.Sort(all)
	if len(slices.Compact(all)) != 4 {
		t.Error("different findings have one print")
	}
}

// However many findings there are, what is left of them is bounded, and none that
// there may have been is taken for new.
func TestWhatIsLeftOfARunIsBounded(t *testing.T) {
	t.Parallel()
	var prints []string
	for i := range 5000 {
		prints = append(prints, ledger.FindingPrint("warning", fmt.Sprint("application ", string(rune('a'+i%26)), i), ""))
	}
	last := ledger.LastOf(true, append(prints, prints...))
	if !last.Cut || len(last.Findings) != 400 || !slices.IsSorted(last.Findings) {
		t.Errorf("%d findings, cut: %t", len(last.Findings), last.Cut)
	}
	for _, p := range prints {
		if !last.Knows(p) {
			t.Errorf("%s was there, and is new", p)
		}
	}
	few := ledger.LastOf(false, prints[:3])
	if few.Cut || !few.Knows(prints[1]) || few.Knows(prints[3]) || few.Equal(last) || !few.Equal(ledger.LastOf(false, []string{prints[2], prints[0], prints[1]})) {
		t.Errorf("%+v", few)
	}
	whole := full()
	whole.Last = &last
	data, fits := whole.Encode()
	got, err := ledger.Decode(data)
	if err != nil || !fits || got.Last == nil || !got.Last.Equal(last) || len(data) > 6000 {
		t.Errorf("%v, %d bytes, %+v", err, len(data), got.Last)
	}
	if kept := whole.With(nil, now); kept.Last != whole.Last {
		t.Error("With forgets it")
	}
}
