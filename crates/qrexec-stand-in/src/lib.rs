//! qrexec stand-in.
