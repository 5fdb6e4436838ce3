package bench

import (
	"os"
	"testing"
)

func TestMetric(t *testing.T) {
	text := []byte("# HELP go_goroutines Number.\n# TYPE go_goroutines gauge\ngo_goroutines_more 7\ngo_goroutines 123\n")
	if got, err := metric(text, "go_goroutines"); err != nil || got != 123 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := metric(text, "absent"); err == nil {
		t.Error("an absent metric was found")
	}
}

func TestMemoryOfThisProcess(t *testing.T) {
	got, err := memoryOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if got.resident <= 1<<20 || got.peak < got.resident {
		t.Errorf("resident %d, peak %d", got.resident, got.peak)
	}
}
