package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// printer writes what the demo does. On a terminal a step is shown while it runs.
type printer struct {
	out      io.Writer
	terminal bool

	mu sync.Mutex
}

func newPrinter(out io.Writer) *printer {
	p := &printer{out: out}
	if file, ok := out.(*os.File); ok && os.Getenv("TERM") != "dumb" {
		info, err := file.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

func (p *printer) printf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format, args...)
}

// step runs one step and says how it ended and how long it took.
func (p *printer) step(name string, do func() error) error {
	started := time.Now()
	if p.terminal {
		p.printf("  … %s", name)
	}
	err := do()
	mark := "✓"
	if err != nil {
		mark = "✗"
	}
	rewind := ""
	if p.terminal {
		rewind = "\r\033[K"
	}
	p.printf("%s  %s %-64s %6.1f s\n", rewind, mark, name, time.Since(started).Seconds())
	return err
}

// table writes rows in columns.
func (p *printer) table(rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			fmt.Fprintf(&line, "  %-*s", widths[i], cell)
		}
		p.printf("%s\n", strings.TrimRight(line.String(), " "))
	}
}

// wrapped writes a long line as several, between words.
func (p *printer) wrapped(indent, text string) {
	const width = 110
	line := indent
	for word := range strings.FieldsSeq(text) {
		if line != indent && len([]rune(line))+len([]rune(word)) > width {
			p.printf("%s\n", strings.TrimRight(line, " "))
			line = indent
		}
		line += word + " "
	}
	p.printf("%s\n", strings.TrimRight(line, " "))
}
