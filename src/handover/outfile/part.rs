//! A file on its way to its name.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::place::{is_named, name_it, nameless_to_name};
use super::taken::check_part;
use super::{Target, TargetError, check_free, part_name, rename_to_new};
use crate::run::path::{beside, folder_of};

impl Target {
    /// Begins a file that is written through its handle. It has no name until it is done, where the system can do so.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn begin(&self) -> Result<Part<'_>, TargetError> {
        match nameless_to_name(folder_of(&self.path)) {
            Some(file) => Ok(Part {
                target: self,
                file,
                name: None,
            }),
            None => self.begin_named(),
        }
    }

    /// Begins a file that is written by its path, [`Part::path`].
    ///
    /// # Errors
    /// The folder cannot be written, another process is writing the same target, or the one that is there is in use.
    pub(crate) fn begin_named(&self) -> Result<Part<'_>, TargetError> {
        check_free(&self.path)?;
        check_part(&self.path)?;
        let name = part_name(&self.path);
        let told = |error| TargetError::io(&self.path, error);
        let file = loop {
            let file = open_part(&name).map_err(told)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(TargetError::Busy(self.path.clone())),
                Err(TryLockError::Error(error)) => return Err(told(error)),
            }
            // Between the two, another process may have given the same file its last name.
            if is_named(&file, &name) {
                break file;
            }
        };
        // What a killed process left of it.
        file.set_len(0).map_err(told)?;
        Ok(Part {
            target: self,
            file,
            name: Some(name),
        })
    }

    fn place(&self, from: &Path) -> io::Result<()> {
        if self.overwrite {
            fs::rename(from, &self.path)
        } else {
            rename_to_new(from, &self.path)
        }
    }
}

fn open_part(name: &Path) -> io::Result<File> {
    let open = || {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options.open(name)
    };
    match open() {
        // One that was killed just before the end has left it read-only.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            fs::remove_file(name).map_err(|_| error)?;
            open()
        }
        opened => opened,
    }
}

/// A file on its way to its name. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    target: &'a Target,
    file: File,
    name: Option<PathBuf>,
}

impl Part<'_> {
    /// The handle that writes it.
    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Where it stands meanwhile, if it has a name.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.name.as_deref()
    }

    /// Makes it durable and gives it its name.
    ///
    /// # Errors
    /// The disk is full or fails, or the name was taken meanwhile. Nothing is left behind then.
    pub(crate) fn finish(mut self) -> Result<(), TargetError> {
        let target = self.target;
        let told = |error| TargetError::io(&target.path, error);
        self.file.sync_all().map_err(told)?;
        // Much may have happened since it was begun.
        check_free(&target.path)?;
        match self.name.take() {
            Some(name) => target.place(&name).inspect_err(|_| {
                let _ = fs::remove_file(&name);
            }),
            None if target.overwrite => {
                check_part(&target.path)?;
                let name = part_name(&target.path);
                let _ = fs::remove_file(&name);
                name_it(&self.file, &name).and_then(|()| target.place(&name))
            }
            None => name_it(&self.file, &target.path),
        }
        .map_err(told)?;
        // A name is durable once its folder is.
        File::open(folder_of(&target.path))
            .and_then(|folder| folder.sync_all())
            .map_err(told)
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            for suffix in ["", "-journal", "-wal", "-shm"] {
                let _ = fs::remove_file(beside(name, suffix));
            }
        }
    }
}
