//! Looks at files and folders without waiting for another machine.
//!
//! In: a path. Out: what lies there, when every step of the path is known to the system already, no link stands on it, and it lies on a
//! disk of this machine's; else nothing, and somebody who may wait has to look.
//! Holds always:
//! - nothing here asks a file server: a path is followed in the system's memory only, and a file is looked at before it is opened;
//! - which disks are this machine's is found out by those who may wait ([`met`]).
//!
//! Start reading at [`folder`].

#[cfg(all(test, target_os = "linux"))]
pub(super) use linux::can_be_at_hand;
#[cfg(target_os = "linux")]
pub(super) use linux::{Look, file, folder, look, met};
#[cfg(not(target_os = "linux"))]
pub(super) use others::{Look, file, folder, look, met};

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::CStr;
    use std::fs::File;
    use std::os::fd::BorrowedFd;
    use std::path::Path;

    use parking_lot::RwLock;
    use rustix::fs::{
        AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Statx, StatxFlags, fstatfs, major, makedev, openat,
        openat2, statx,
    };
    use rustix::io::Errno;

    use super::super::read::Seen;
    use super::super::unlinked::is_plain;
    use super::super::walk::seen;

    /// The kinds of file systems that keep their files on a disk below a device of their own: bcachefs, ext4 (and older), F2FS, XFS.
    ///
    /// Those whose devices have no lasting number (Btrfs, tmpfs, ZFS) are left out: another file system may get the number next.
    ///
    /// # Source
    /// statfs(2), and `include/uapi/linux/magic.h`.
    const DISKS: [u32; 4] = [0xca45_1a4e, 0x0000_ef53, 0xf2f5_2010, 0x5846_5342];
    /// Disks that are remembered; others are met again each time.
    const MOST: usize = 64;

    /// Devices of the disks that were met.
    static MET: RwLock<Vec<u64>> = RwLock::new(Vec::new());

    /// What a look at an entry of a folder shows.
    #[derive(Debug)]
    pub(in super::super) enum Look {
        /// A plain file on the folder's own disk.
        File(Seen),
        /// It is there no more.
        Gone,
        /// Something that may lead elsewhere.
        Elsewhere,
    }

    /// Remembers the disk of something that was opened, if it is one.
    ///
    /// - `device`: the number of its device.
    pub(in super::super) fn met(opened: &File, device: u64) {
        if major(device) == 0 || is_met(device) {
            return;
        }
        if !is_disk(opened) {
            return;
        }
        let mut met = MET.write();
        if met.len() < MOST && !met.contains(&device) {
            met.push(device);
        }
    }

    fn is_disk(opened: &File) -> bool {
        let kind = fstatfs(opened).ok().and_then(|found| u32::try_from(found.f_type & 0xffff_ffff).ok());
        kind.is_some_and(|kind| DISKS.contains(&kind))
    }

    fn is_met(device: u64) -> bool {
        MET.read().contains(&device)
    }

    /// A file at hand; it can be looked at, and not read.
    pub(in super::super) fn file(path: &Path) -> Option<File> {
        known(path, FileType::RegularFile)
    }

    /// A folder at hand, open for listing.
    pub(in super::super) fn folder(path: &Path) -> Option<File> {
        let known = known(path, FileType::Directory)?;
        let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(&known, c".", how, Mode::empty()).ok().map(File::from)
    }

    /// What lies at a path whose every step is in the system's memory, without opening it.
    fn known(path: &Path, wanted: FileType) -> Option<File> {
        if !is_plain(path) {
            return None;
        }
        let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::CACHED;
        let known = openat2(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve).ok()?;
        // Not asking its server, whatever it is.
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        let found = statx(&known, c"", flags, StatxFlags::TYPE).ok()?;
        let is_wanted = FileType::from_raw_mode(found.stx_mode.into()) == wanted && is_met(device(&found));
        is_wanted.then(|| known.into())
    }

    /// Looks at an entry of a folder that is at hand.
    ///
    /// - `disk`: the folder's device.
    pub(in super::super) fn look(folder: BorrowedFd<'_>, name: &CStr, disk: u64) -> Look {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
        match statx(folder, name, flags, StatxFlags::BASIC_STATS) {
            Ok(found)
                if FileType::from_raw_mode(found.stx_mode.into()) == FileType::RegularFile
                    && device(&found) == disk =>
            {
                Look::File(seen(found.stx_ino, found.stx_size, found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec.into()))
            }
            Err(Errno::NOENT) => Look::Gone,
            _ => Look::Elsewhere,
        }
    }

    fn device(found: &Statx) -> u64 {
        makedev(found.stx_dev_major, found.stx_dev_minor)
    }

    /// Whether what lies below a folder can be at hand on this machine.
    #[cfg(test)]
    pub(in super::super) fn can_be_at_hand(folder: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;

        let opened = File::open(folder).unwrap();
        is_disk(&opened) && major(opened.metadata().unwrap().dev()) != 0 && super::super::is_real(folder)
    }

    #[cfg(test)]
    mod tests {
        use std::os::unix::fs::{MetadataExt, symlink};

        use super::*;

        #[test]
        fn what_is_no_plain_way_to_a_plain_file_is_not_at_hand() {
            let folder_of_test = tempfile::tempdir().unwrap();
            let real = folder_of_test.path().canonicalize().unwrap();
            std::fs::create_dir(real.join("a")).unwrap();
            std::fs::write(real.join("a/file"), "x").unwrap();
            symlink(real.join("a"), real.join("link")).unwrap();
            let opened = File::open(&real).unwrap();
            let device = opened.metadata().unwrap().dev();
            met(&opened, device);
            // Not on every machine do temporary files lie on a disk that can be told.
            let can_be = can_be_at_hand(&real);
            assert_eq!(is_met(device), can_be);
            assert_eq!(file(&real.join("a/file")).is_some(), can_be);
            assert_eq!(folder(&real.join("a")).is_some(), can_be);
            for path in ["link/file", "a", "a/none", "a/../a/file"] {
                assert!(file(&real.join(path)).is_none(), "{path}");
            }
            for path in ["link", "a/file", "none"] {
                assert!(folder(&real.join(path)).is_none(), "{path}");
            }
            let proc = File::open("/proc/self").unwrap();
            met(&proc, proc.metadata().unwrap().dev());
            assert!(file(Path::new("/proc/version")).is_none() && folder(Path::new("/proc")).is_none());
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod others {
    use std::ffi::CStr;
    use std::fs::File;
    use std::os::fd::BorrowedFd;
    use std::path::Path;

    use super::super::read::Seen;

    /// Nothing can be told here.
    #[derive(Debug)]
    pub(in super::super) enum Look {
        File(Seen),
        Gone,
        Elsewhere,
    }

    pub(in super::super) fn met(_: &File, _: u64) {}

    pub(in super::super) fn file(_: &Path) -> Option<File> {
        None
    }

    pub(in super::super) fn folder(_: &Path) -> Option<File> {
        None
    }

    pub(in super::super) fn look(_: BorrowedFd<'_>, _: &CStr, _: u64) -> Look {
        Look::Elsewhere
    }
}
