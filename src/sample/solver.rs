//! Moving pictures along their velocity.

/// One Euler step: Y += d·v. `step_size` d is positive; as many velocities as latents.
pub fn euler_step(latents: &mut [f32], velocity: &[f32], step_size: f32) {
    for (y, &v) in latents.iter_mut().zip(velocity) {
        *y += step_size * v;
    }
}
