package main

import "strings"

// identical counts lines that are in both, wherever they stand: one that is there twice and three times counts twice.
func identical(a, b []file) int {
	left := map[string]int{}
	for _, line := range spoken(a) {
		left[line]++
	}
	same := 0
	for _, line := range spoken(b) {
		if left[line] > 0 {
			left[line]--
			same++
		}
	}
	return same
}

// spoken are the lines without indentation, without those that are empty or nothing but brackets.
func spoken(files []file) []string {
	var found []string
	for _, f := range files {
		for line := range strings.Lines(f.text) {
			if strings.Trim(line, "{}()[],; \t\r\n") != "" {
				found = append(found, strings.TrimSpace(line))
			}
		}
	}
	return found
}
