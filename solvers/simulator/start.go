package simulator

// T is what Start needs of a test: *testing.T, *testing.B and *testing.F have it.
type T interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, arguments ...any)
}

// Start starts a world that ends with the test.
func Start(t T, o Options) *World {
	t.Helper()
	w, err := New(o)
	if err != nil {
		t.Fatalf("simulator: %v", err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Fatalf("simulator: %v", err)
		}
	})
	return w
}
