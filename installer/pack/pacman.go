package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// pacman packs a package for Arch Linux as makepkg 6 does: PKGINFO(5),
// BUILDINFO(5), and an mtree of all files.
func (r *rel) pacman(p *pkg, root string) (string, error) {
	version := r.depended("arch")
	info := fmt.Sprintf("pkgname = %s\npkgbase = %s\npkgver = %s\npkgdesc = %s\nurl = %s\nbuilddate = %d\npackager = %s\nsize = %d\narch = %s\nlicense = BSD\n",
		p.Name, r.Name, version, p.Summary, r.Homepage, r.date.Unix(), r.Maintainer, size(root), machine(r.arch))
	for _, other := range p.Depends["arch"] {
		info += "depend = " + r.expand("arch", other) + "\n"
	}
	for _, other := range p.Recommends["arch"] {
		info += "optdepend = " + r.expand("arch", other) + "\n"
	}
	build := fmt.Sprintf("format = 2\npkgname = %s\npkgbase = %s\npkgver = %s\npkgarch = %s\npackager = %s\nbuilddate = %d\nbuilddir = /build\nstartdir = /build\nbuildtool = pack\nbuildtoolver = %s\n",
		p.Name, r.Name, version, machine(r.arch), r.Maintainer, r.date.Unix(), r.version)
	if err := write(filepath.Join(root, ".PKGINFO"), []byte(info), 0o644); err != nil {
		return "", err
	}
	if err := write(filepath.Join(root, ".BUILDINFO"), []byte(build), 0o644); err != nil {
		return "", err
	}
	if err := r.stamp(root); err != nil {
		return "", err
	}
	if err := r.mtree(root); err != nil {
		return "", err
	}
	file := fmt.Sprintf("%s-%s-%s.pkg.tar.zst", p.Name, version, machine(r.arch))
	return file, r.archive(root, filepath.Join(r.out, file), "--zstd")
}

// mtree writes .MTREE, which pacman -Qkk checks files against.
func (r *rel) mtree(root string) error {
	plain := filepath.Join(root, ".MTREE")
	if err := r.archive(root, plain, "--format=mtree", "--options=!all,use-set,type,uid,gid,mode,time,size,md5,sha256,link"); err != nil {
		return err
	}
	content, err := os.ReadFile(plain)
	if err != nil {
		return err
	}
	if err := write(plain, compress(content), 0o644); err != nil {
		return err
	}
	return os.Chtimes(plain, r.date, r.date)
}

// archive writes all below root, sorted, as files of root's, with bsdtar.
func (r *rel) archive(root, file string, options ...string) error {
	list, err := os.CreateTemp("", "list-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(list.Name()) }()
	_, err = list.WriteString(strings.Join(everything(root), "\n") + "\n")
	if err2 := list.Close(); err == nil {
		err = err2
	}
	if err != nil {
		return err
	}
	if file, err = filepath.Abs(file); err != nil {
		return err
	}
	args := append([]string{"-cf", file, "--uid=0", "--gid=0", "--uname=root", "--gname=root"}, options...)
	return r.command(root, "bsdtar", append(args, "-n", "-T", list.Name())...)
}

// tarball holds the files of all packages, for systems without a packer of ours.
func (r *rel) tarball() error {
	name := fmt.Sprintf("%s-%s-linux-%s", r.Name, r.version, r.arch)
	folder, err := os.MkdirTemp("", "pack-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	for i := range r.Packages {
		if err := r.layOut(&r.Packages[i], "tar", filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	if err := r.stamp(folder); err != nil {
		return err
	}
	if err := r.archive(folder, filepath.Join(r.out, name+".tar.zst"), "--zstd"); err != nil {
		return err
	}
	fmt.Println(filepath.Join(r.out, name+".tar.zst"))
	return r.bill(name+".tar.zst", folder)
}
