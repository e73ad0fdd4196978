//! Proof, by the compiler, that nothing outside this crate makes a judgement or a permit. These examples
//! are compiled as another crate. Each is there twice: as it must not compile, and with the one line changed
//! that is at fault, so that it fails for that line alone.
//!
//! A judgement cannot be written down, whatever it says:
//!
//! ```compile_fail,E0451
//! use policy::judgement::{Judgement, Remember, Verdict};
//! fn forged() -> Judgement {
//!     Judgement {
//!         verdict: Verdict::Allow,
//!         reason: String::new(),
//!         rule: None,
//!         remember: Remember::Never,
//!         notify: false,
//!         log_content: false,
//!         signatures: 1,
//!     }
//! }
//! ```
//!
//! ```
//! use policy::judgement::Judgement;
//! fn denied() -> Judgement {
//!     Judgement::denial("a denial opens nothing")
//! }
//! ```
//!
//! It cannot be changed into an allow:
//!
//! ```compile_fail,E0616
//! use policy::judgement::{Judgement, Verdict};
//! fn forged(mut judgement: Judgement) -> Judgement {
//!     judgement.verdict = Verdict::Allow;
//!     judgement
//! }
//! ```
//!
//! ```
//! use policy::judgement::{Judgement, Verdict};
//! fn denied(mut judgement: Judgement) -> Judgement {
//!     assert_eq!(judgement.verdict(), Verdict::Allow);
//!     judgement.to_denial("")
//! }
//! ```
//!
//! A permit cannot be written down, not even around a case that was judged:
//!
//! ```compile_fail,E0451
//! use policy::permit::{Judged, Permit};
//! fn forged(judged: Judged, other: Permit) -> Permit {
//!     Permit { case: judged.case().clone(), ..other }
//! }
//! ```
//!
//! ```
//! use policy::permit::{Judged, Permit};
//! fn allowed(judged: Judged, other: Permit) -> Permit {
//!     judged.permit().unwrap_or(other)
//! }
//! ```
//!
//! A judged request cannot be made of a judgement and another request, and a permit of no answer:
//!
//! ```compile_fail,E0624
//! use policy::gather::Gathered;
//! use policy::judgement::Judgement;
//! use policy::permit::Judged;
//! fn forged(gathered: Gathered, judgement: Judgement) -> Judged {
//!     Judged::new(gathered, judgement, None)
//! }
//! ```
//!
//! ```compile_fail,E0624
//! use policy::permit::Inquiry;
//! fn forged(inquiry: Inquiry) {
//!     inquiry.permit();
//! }
//! ```
//!
//! ```
//! use policy::gather::Gathered;
//! use policy::permit::{Inquiry, Judged};
//! fn denied(gathered: Gathered) -> Judged {
//!     Judged::denied(gathered, "")
//! }
//! fn read(inquiry: Inquiry) {
//!     inquiry.subject();
//! }
//! ```
//!
//! No facts can be put to a request that they are not of:
//!
//! ```compile_fail,E0451
//! use policy::facts::Facts;
//! use policy::gather::Gathered;
//! fn forged(facts: Facts, other: Gathered) -> Gathered {
//!     Gathered { facts, ..other }
//! }
//! ```
//!
//! ```
//! use policy::facts::Facts;
//! use policy::gather::Gathered;
//! fn read(other: Gathered) -> Facts {
//!     other.facts().clone()
//! }
//! ```
//!
//! No content can be called proven that nobody held against its hash:
//!
//! ```compile_fail,E0451
//! use policy::content::{Object, ProvenContent};
//! fn forged(object: Object) -> ProvenContent {
//!     ProvenContent { object, length: 1, received_at: 1 }
//! }
//! ```
//!
//! ```
//! use policy::content::{Object, ProvenContent};
//! fn read(content: &ProvenContent) -> &Object {
//!     content.object()
//! }
//! ```
//!
//! None of them comes from nowhere, from a copy, or from a file:
//!
//! ```
//! fn default<T: Default>() {}
//! fn clone<T: Clone>() {}
//! fn read<T: serde::de::DeserializeOwned>() {}
//! default::<Vec<u8>>();
//! clone::<policy::judgement::Verdict>();
//! read::<policy::judgement::Verdict>();
//! ```
//!
//! ```compile_fail,E0277
//! fn default<T: Default>() {}
//! default::<policy::judgement::Judgement>();
//! ```
//!
//! ```compile_fail,E0277
//! fn clone<T: Clone>() {}
//! clone::<policy::judgement::Judgement>();
//! ```
//!
//! ```compile_fail,E0277
//! fn read<T: serde::de::DeserializeOwned>() {}
//! read::<policy::judgement::Judgement>();
//! ```
//!
//! ```compile_fail,E0277
//! fn default<T: Default>() {}
//! default::<policy::permit::Permit>();
//! ```
//!
//! ```compile_fail,E0277
//! fn clone<T: Clone>() {}
//! clone::<policy::permit::Permit>();
//! ```
//!
//! ```compile_fail,E0277
//! fn read<T: serde::de::DeserializeOwned>() {}
//! read::<policy::permit::Permit>();
//! ```
//!
//! ```compile_fail,E0277
//! fn clone<T: Clone>() {}
//! clone::<policy::permit::Judged>();
//! ```
