package consensus

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// pack puts a directory into an archive.
func pack(t *testing.T, dir, path string) {
	t.Helper()
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	out := tar.NewWriter(zip)
	err = errors.Join(out.AddFS(os.DirFS(dir)), out.Close(), zip.Close())
	if err == nil {
		err = os.WriteFile(path, packed.Bytes(), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// unpack makes a directory with what is in an archive.
func unpack(t *testing.T, path, dir string) {
	t.Helper()
	packed, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	zip, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for in := tar.NewReader(zip); ; {
		header, err := in.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(dir, header.Name)
		if header.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(target, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		content, err := io.ReadAll(in)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(target), 0o700)
		}
		if err == nil {
			err = os.WriteFile(target, content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// sealHostFile puts the sum before the content of one of Dragonboat's files.
func sealHostFile(content []byte) []byte {
	sum := md5.Sum(content)
	return append(sum[md5.Size-hostFileSumBytes:], content...)
}
