package charts

import (
	"path/filepath"
	"regexp"
	"testing"
)

// What the image and CI are made from is named by digest, with the version beside it: a tag can be moved by whoever holds it.
func TestWhatOthersPublishIsPinned(t *testing.T) {
	t.Parallel()
	uses := regexp.MustCompile(`(?m)^\s*(?:- )?uses: (.*)$`)
	action := regexp.MustCompile(`^[\w.-]+(?:/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	image := regexp.MustCompile(`^[\w./-]+:\d+(?:\.\d+)+@sha256:[0-9a-f]{64}$`)
	for pattern, test := range map[string]struct{ named, pinned *regexp.Regexp }{
		"../.github/workflows/*.yaml": {uses, action},
		"../deploy/ci/gitlab-ci.yml":  {regexp.MustCompile(`(?m)^\s*image: (.*)$`), image},
		"../Dockerfile":               {regexp.MustCompile(`(?m)^(?:# syntax|ARG \w+_IMAGE)=(.*)$`), image},
	} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files match %s: %v", pattern, err)
		}
		for _, file := range files {
			names := test.named.FindAllStringSubmatch(read(t, file), -1)
			if len(names) == 0 {
				t.Errorf("nothing is named in %s", file)
			}
			for _, name := range names {
				if !test.pinned.MatchString(name[1]) {
					t.Errorf("%s: %s is not pinned", file, name[1])
				}
			}
		}
	}
	for _, from := range regexp.MustCompile(`(?m)^FROM (?:--\S+ )*(\S+)`).FindAllStringSubmatch(read(t, "../Dockerfile"), -1) {
		if from[1] != "scratch" && from[1] != "${GO_IMAGE}" {
			t.Errorf("../Dockerfile: FROM %s is none of the images that are pinned", from[1])
		}
	}
}
