//! Certificates as operators make them: by `ovs-pki`, and by `openssl ca` on its authorities for what it has no
//! command for.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Scratch;
use crate::command::run_ok;

/// What a revocation list must say of its authority.
const CRL_SECTION: &str = "\n[ crl_ext ]\nauthorityKeyIdentifier=keyid:always\n";

/// The two authorities of `ovs-pki`: servers' certificates are signed by one, clients' by the other.
#[derive(Debug)]
pub struct Pki<'s> {
    scratch: &'s Scratch,
}

/// Which authority has signed something.
#[derive(Clone, Copy, Debug)]
pub enum Authority {
    /// Of servers' certificates.
    Servers,
    /// Of clients' certificates.
    Clients,
}

/// A private key and its certificate.
#[derive(Clone, Debug)]
pub struct Identity {
    /// File of the private key.
    pub key: PathBuf,
    /// File of the certificate.
    pub certificate: PathBuf,
}

impl Authority {
    fn name(self) -> &'static str {
        match self {
            Authority::Servers => "controller",
            Authority::Clients => "switch",
        }
    }
}

impl<'s> Pki<'s> {
    /// New authorities in the scratch directory.
    pub fn new(scratch: &'s Scratch) -> Pki<'s> {
        let pki = Pki { scratch };
        pki.ovs_pki(&["init"]);
        pki
    }

    /// The certificate of an authority.
    pub fn authority(&self, authority: Authority) -> PathBuf {
        self.directory(authority).join("cacert.pem")
    }

    /// A new identity whose common name is `name`.
    pub fn identity(&self, name: &str, authority: Authority) -> Identity {
        self.ovs_pki(&["-u", "req+sign", name, authority.name()]);
        self.identity_at(name)
    }

    /// An identity that nobody but itself has signed.
    pub fn self_signed(&self, name: &str) -> Identity {
        self.ovs_pki(&["-u", "req", name]);
        self.ovs_pki(&["self-sign", name]);
        self.identity_at(name)
    }

    /// An identity whose certificate was valid on one day of 2020.
    pub fn expired(&self, name: &str, authority: Authority) -> Identity {
        self.ovs_pki(&["-u", "req", name]);
        let identity = self.identity_at(name);
        let request = self.scratch.join(&format!("{name}-req.pem"));
        let dates = ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"];
        let mut command = self.openssl_ca(authority);
        command.args(["-extensions", "usr_cert", "-notext"]).args(dates);
        run_ok(
            command
                .arg("-in")
                .arg(request)
                .arg("-out")
                .arg(&identity.certificate),
        );
        identity
    }

    /// An identity whose key and certificate are made as openssl-req(1) is told: `-newkey` with `key`, and `more`.
    pub fn odd(&self, name: &str, authority: Authority, key: &str, more: &[&str]) -> Identity {
        let (own, directory) = (self.identity_at(name), self.directory(authority));
        let signer = Identity {
            key: directory.join("private/cakey.pem"),
            certificate: directory.join("cacert.pem"),
        };
        self.request(name, &own, &signer, key, more);
        own
    }

    /// An identity whose certificate has no extensions, which makes it one of version 1.
    pub fn version_1(&self, name: &str, authority: Authority) -> Identity {
        self.ovs_pki(&["-u", "req", name]);
        let (identity, directory) = (self.identity_at(name), self.directory(authority));
        let mut command = self.scratch.command("openssl");
        command
            .args(["x509", "-req", "-days", "2", "-set_serial", "77"])
            .arg("-in")
            .arg(self.scratch.join(&format!("{name}-req.pem")))
            .arg("-CA")
            .arg(directory.join("cacert.pem"))
            .arg("-CAkey")
            .arg(directory.join("private/cakey.pem"))
            .arg("-out")
            .arg(&identity.certificate);
        run_ok(&mut command);
        identity
    }

    /// A certificate that is `length` authorities away from the root, and the file with all of these.
    pub fn chain(&self, name: &str, authority: Authority, length: usize) -> (Identity, PathBuf) {
        let directory = self.directory(authority);
        let mut signer = Identity {
            key: directory.join("private/cakey.pem"),
            certificate: directory.join("cacert.pem"),
        };
        let mut between = Vec::new();
        for at in 0..length {
            let link = self.identity_at(&format!("{name}-link{at}"));
            let common_name = format!("{name} link {at}");
            let is_authority = ["-addext", "basicConstraints=critical,CA:true"];
            self.request(&common_name, &link, &signer, "ec", &is_authority);
            // The nearest to the leaf comes first.
            between.insert(0, fs::read_to_string(&link.certificate).expect("it was made"));
            signer = link;
        }
        let own = self.identity_at(name);
        self.request(name, &own, &signer, "ec", &[]);
        let file = self.scratch.write(&format!("{name}-chain.pem"), between.concat());
        (own, file)
    }

    /// Makes a key and a certificate of it that `signer` signs.
    fn request(&self, common_name: &str, own: &Identity, signer: &Identity, key: &str, more: &[&str]) {
        let mut command = self.scratch.command("openssl");
        command
            .args(["req", "-x509", "-nodes", "-days", "2", "-newkey", key])
            .args(["-subj", &format!("/CN={common_name}")])
            .arg("-CA")
            .arg(&signer.certificate)
            .arg("-CAkey")
            .arg(&signer.key)
            .arg("-keyout")
            .arg(&own.key)
            .arg("-out")
            .arg(&own.certificate);
        if key == "ec" {
            command.args(["-pkeyopt", "ec_paramgen_curve:P-256"]);
        }
        if !more.iter().any(|word| word.starts_with("basicConstraints")) {
            command.args(["-addext", "basicConstraints=CA:false"]);
        }
        run_ok(command.args(more));
    }

    /// Revokes a certificate.
    pub fn revoke(&self, identity: &Identity, authority: Authority) {
        run_ok(
            self.openssl_ca(authority)
                .arg("-revoke")
                .arg(&identity.certificate),
        );
    }

    /// Writes the authority's revocation list.
    pub fn revocation_list(&self, authority: Authority) -> PathBuf {
        // The configuration of ovs-pki would make one of version 1.
        let config = self.directory(authority).join("ca.cnf");
        let text = fs::read_to_string(&config).expect("ovs-pki has written it");
        if !text.contains(CRL_SECTION) {
            fs::write(&config, text + CRL_SECTION).expect("it can be written");
        }
        self.revocation_list_with(authority, &["-crlexts", "crl_ext"])
    }

    /// Writes the authority's revocation list in version 1, as openssl-ca(1) does without being told.
    pub fn old_revocation_list(&self, authority: Authority) -> PathBuf {
        self.revocation_list_with(authority, &[])
    }

    fn revocation_list_with(&self, authority: Authority, more: &[&str]) -> PathBuf {
        let file = self.scratch.join(&format!("{}-crl.pem", authority.name()));
        let mut command = self.openssl_ca(authority);
        run_ok(command.arg("-gencrl").args(more).arg("-out").arg(&file));
        file
    }

    fn identity_at(&self, name: &str) -> Identity {
        Identity {
            key: self.scratch.join(&format!("{name}-privkey.pem")),
            certificate: self.scratch.join(&format!("{name}-cert.pem")),
        }
    }

    fn directory(&self, authority: Authority) -> PathBuf {
        self.scratch.join("pki").join(format!("{}ca", authority.name()))
    }

    fn openssl_ca(&self, authority: Authority) -> std::process::Command {
        let mut command = self.scratch.command("openssl");
        command
            .args(["ca", "-config", "ca.cnf", "-batch"])
            .current_dir(self.directory(authority));
        command
    }

    fn ovs_pki(&self, arguments: &[&str]) {
        let mut command = self.scratch.command("ovs-pki");
        command
            .arg(format!("--dir={}", self.scratch.join("pki").display()))
            .arg(format!("--log={}", self.scratch.join("pki.log").display()));
        run_ok(command.args(arguments));
    }
}

impl Identity {
    /// Options of every program for this identity and the authority of its peers.
    pub fn options(&self, authority: &Path) -> [String; 3] {
        [
            format!("--private-key={}", self.key.display()),
            format!("--certificate={}", self.certificate.display()),
            format!("--ca-cert={}", authority.display()),
        ]
    }
}
