package admin

import (
	"net/http"
	"net/url"
	"strconv"
	"testing"
)

// Of whatever query, the number of a server is taken as it is written, or refused as a bad request.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{"id=1", "id=0", "id=", "", "id=18446744073709551616", "id=1&id=2", "id=+1", "id=%31", "id=%zz", "id=1;to=2", "ID=1", "id=-1", "id=1_0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := &http.Request{URL: &url.URL{RawQuery: query}}
		n, err := number(r, "id")
		if err != nil {
			if _, bad := err.(badRequest); !bad || n != 0 {
				t.Errorf("%q: %d, %T %v", query, n, err, err)
			}
			return
		}
		if text := r.URL.Query().Get("id"); n == 0 || strconv.FormatUint(n, 10) != trimZeros(text) {
			t.Errorf("%q: %q is taken for %d", query, text, n)
		}
	})
}

func trimZeros(s string) string {
	for len(s) > 1 && s[0] == '0' {
		s = s[1:]
	}
	return s
}
